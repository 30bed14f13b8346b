import { readAtMost, whyUnreadable } from '../config/bounded-file.js'
import { child } from '../config/paths.js'
import { configError, isEnvelopeError, type ConfigIssue } from '../errors.js'
import type { Kms } from '../kms/kms.js'
import { resolve } from 'node:path'
import type { FileForms } from './providers.js'

/** Makes the client of a KMS. */
export type MakeKms = () => Kms

/** The KMSs of a file that are ready to be made, and the mistakes in the others. */
export interface PreparedKmses {
  readonly kms: ReadonlyMap<string, MakeKms>
  readonly issues: readonly ConfigIssue[]
}

/** An entry that the schema of its provider accepts. */
export type KmsEntry = Readonly<Record<string, unknown>> & { readonly provider: string }

/** A bundle of all public certificate authorities has 250 KB. */
const MAX_CA_BYTES = 2 ** 20

/**
 * Checks what the schemas cannot see: members that exclude each other, keys and certificates. Contacts nothing.
 * @param folder files are relative to it
 */
export async function prepareKmses(
  entries: Readonly<Record<string, KmsEntry>>,
  forms: FileForms,
  folder: string,
): Promise<PreparedKmses> {
  const kms = new Map<string, MakeKms>()
  const issues: ConfigIssue[] = []
  for (const [name, entry] of Object.entries(entries)) {
    const form = forms.get(entry.provider)
    if (form === undefined) continue
    try {
      const complete = await withCertificates(entry, folder)
      kms.set(
        name,
        form.prepare(complete, (file) => resolve(folder, file)),
      )
    } catch (error) {
      if (!isEnvelopeError(error) || error.code !== 'CONFIG_INVALID') throw error
      for (const { path, message } of error.issues)
        issues.push({ path: `${child('kms', name)}.${path}`, message })
    }
  }
  return { kms, issues }
}

/** Replaces `caFile` by what the file holds. */
async function withCertificates(entry: KmsEntry, folder: string): Promise<KmsEntry> {
  const { caFile, ...rest } = entry
  if (typeof caFile !== 'string') return entry
  if (rest['ca'] !== undefined) throw mistake('cannot be combined with `ca`')
  const bytes = await readAtMost(resolve(folder, caFile), MAX_CA_BYTES).catch((error: unknown) => {
    throw mistake(whyUnreadable(error))
  })
  const ca = bytes.toString()
  if (bytes.length > MAX_CA_BYTES || !/^\s*-----BEGIN CERTIFICATE-----/.test(ca))
    throw mistake(`expected a file of at most ${String(MAX_CA_BYTES)} bytes with certificates in PEM form`)
  return { ...rest, provider: entry.provider, ca }
}

function mistake(message: string): Error {
  return configError([{ path: 'caFile', message }])
}

/** Makes all clients. If one cannot be made, those made before are closed. */
export async function makeKmses(prepared: PreparedKmses['kms']): Promise<Record<string, Kms>> {
  const made: [string, Kms][] = []
  try {
    for (const [name, make] of prepared) made.push([name, make()])
  } catch (error) {
    await Promise.allSettled(made.map(async ([, kms]) => kms.close?.()))
    throw error
  }
  return Object.fromEntries(made)
}
