import * as v from 'valibot'
import type { KmsInFileSchema } from '../config/schema.js'
import { asRecord } from '../config/untyped.js'
import type { FileForm } from '../kms/file-form.js'
import type { KmsInFile } from './kms-in-file.js'

/** The name of a provider in a file. */
export type ProviderName = KmsInFile['provider']

/** A provider is loaded when a file names it. */
const PROVIDERS: Readonly<Record<ProviderName, () => Promise<{ readonly inFile: FileForm }>>> = {
  local: () => import('../kms/local/in-file.js'),
  tencent: () => import('../kms/tencent/in-file.js'),
  aws: () => import('../kms/aws/in-file.js'),
  vault: () => import('../kms/vault/in-file.js'),
  gcp: () => import('../kms/gcp/in-file.js'),
  azure: () => import('../kms/azure/in-file.js'),
  pkcs11: () => import('../kms/pkcs11/in-file.js'),
}

export const PROVIDER_NAMES = Object.keys(PROVIDERS) as readonly ProviderName[]

export function isProviderName(name: unknown): name is ProviderName {
  return typeof name === 'string' && Object.hasOwn(PROVIDERS, name)
}

export type FileForms = ReadonlyMap<string, FileForm>

/** The providers that the `kms` of a file names. Unknown ones are left out. */
export async function providersOf(kms: unknown): Promise<FileForms> {
  const named = Object.values(asRecord(kms)).map((entry) => asRecord(entry)['provider'])
  return loadProviders([...new Set(named)].filter(isProviderName))
}

export async function loadProviders(names: readonly ProviderName[]): Promise<FileForms> {
  const loaded = names.map(async (name) => [name, (await PROVIDERS[name]()).inFile] as const)
  return new Map(await Promise.all(loaded))
}

/** The schema of a KMS of one of these providers. */
export function kmsInFileSchema(forms: FileForms): KmsInFileSchema {
  const names = PROVIDER_NAMES.map((name) => `'${name}'`)
  return v.variant(
    'provider',
    [...forms.values()].map(({ schema }) => schema),
    `expected a provider: ${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`,
  )
}
