import { azureKms, type HostOptions } from '../../../../src/kms/azure/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

export interface AzureReading {
  readonly hosts: Readonly<Record<string, HostOptions>>
  readonly token: string
}

export const readingKms = ({ hosts, token }: AzureReading): Kms =>
  azureKms({ hosts, credential: { getToken: () => Promise.resolve({ token }) } })
