import { gcpKms } from '../../../../src/kms/gcp/index.js'
import type { Kms } from '../../../../src/kms/kms.js'

export interface GcpReading {
  readonly endpoint: string
  readonly token: string
}

export const readingKms = ({ endpoint, token }: GcpReading): Kms =>
  gcpKms({ endpoint, accessToken: () => Promise.resolve(token) })
