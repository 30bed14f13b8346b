import { configError, EnvelopeError } from '../../errors.js'
import { CMK_TYPES, isCmkType, rowOf } from './cmk-rows.js'
import { changeKeyring, readKeyring, writeNewKeyring } from './keyring-file.js'
import { isCmkId, named, type CmkType, type LocalCmk } from './local-cmk.js'
import { importedCmk } from './rsa.js'

/** Settings of a new CMK. */
export interface NewCmkOptions {
  readonly type: CmkType
  /** RSA only: bits of the modulus, 2,048 to 8,192; default 3,072. */
  readonly modulusLength?: number
}

/** A CMK of a keyring, without its secrets. */
export interface CmkSummary {
  readonly id: string
  readonly type: CmkType
  /** Its provider name on the wire. */
  readonly provider: string
  readonly enabled: boolean
  /** `false` if the keyring holds only the public key. */
  readonly canUnwrap: boolean
  /** Ascending; the last one wraps. An RSA CMK always has one. `createdAt` is ISO 8601, UTC. */
  readonly versions: readonly { readonly version: number; readonly createdAt: string }[]
}

/*
 * Every function here that writes holds `FILE.lock` from reading to writing, replaces the file as a whole or
 * not at all, and leaves it readable only by its owner. It rejects with KEYRING_BUSY while that lock
 * exists, with KMS_DENIED if the process may not read or write the file, and with KMS_UNAVAILABLE if the
 * file system fails. If the file must exist, it also rejects with KEYRING_NOT_FOUND, KEYRING_EXPOSED or KEYRING_INVALID.
 */

/**
 * Creates a keyring file of mode 0600 with `cmks` in it.
 *
 * @throws EnvelopeError KEYRING_EXISTS if the path exists, KEYRING_NOT_FOUND if its folder is missing,
 * CONFIG_INVALID for an invalid or duplicate id, or an invalid type or modulus length
 */
export async function createKeyring(
  file: string,
  cmks: readonly (NewCmkOptions & { readonly id: string })[] = [],
): Promise<void> {
  const keyring = new Map<string, LocalCmk>()
  for (const { id, ...options } of cmks) {
    if (keyring.has(id)) throw invalid('id', `${named(id)} is listed twice`)
    keyring.set(id, await newCmk(id, options))
  }
  await writeNewKeyring(file, keyring)
}

/**
 * Adds a new CMK. `id` matches `[!-~]{1,256}`.
 *
 * @throws EnvelopeError KEYRING_EXISTS if the keyring has a CMK with that id, CONFIG_INVALID for an
 * invalid id, type or modulus length
 */
export async function addCmk(file: string, id: string, options: NewCmkOptions): Promise<void> {
  // Before the lock: a large RSA key takes seconds.
  await addTo(file, await newCmk(id, options))
}

/**
 * Gives an AES CMK a new version, which wraps from then on. Older versions still unwrap.
 *
 * @throws EnvelopeError CMK_NOT_FOUND, CMK_UNUSABLE for an RSA CMK
 */
export async function rotateCmk(file: string, id: string): Promise<void> {
  await changeCmk(file, id, (cmk) => rowOf(cmk.type).rotate(cmk))
}

/**
 * Disables a CMK, which then neither wraps nor unwraps (CMK_DISABLED), or enables it again.
 *
 * @throws EnvelopeError CMK_NOT_FOUND
 */
export async function setCmkEnabled(file: string, id: string, enabled: boolean): Promise<void> {
  await changeCmk(file, id, (cmk) => ({ ...cmk, enabled }))
}

/**
 * The public key of an RSA CMK: SPKI, PEM, with a line feed at the end. Also works for a disabled CMK.
 *
 * @throws EnvelopeError CMK_NOT_FOUND, CMK_UNUSABLE for an AES CMK, KEYRING_*
 */
export async function exportPublicKey(file: string, id: string): Promise<string> {
  const cmk = found((await readKeyring(file)).get(id), file, id)
  return rowOf(cmk.type).publicKey(cmk)
}

/**
 * Adds the public part of an RSA CMK that others hold, so that this process can wrap but not unwrap. `pem` is SPKI or
 * PKCS #1, of 2,048 to 8,192 bits with an exponent of at least 65,537. `id` must be the one that the readers use: it
 * travels in every envelope.
 *
 * @throws EnvelopeError KEYRING_EXISTS if the keyring has a CMK with that id, CMK_UNUSABLE if `pem` is not such a key,
 * CONFIG_INVALID for an invalid id
 */
export async function importPublicKey(file: string, id: string, pem: string): Promise<void> {
  await addTo(file, importedCmk(checkedId(id), pem))
}

/** The CMKs of the keyring, in the order in which they were added, without secrets. */
export async function listCmks(file: string): Promise<CmkSummary[]> {
  return [...(await readKeyring(file)).values()].map(summaryOf)
}

async function newCmk(id: string, { type, modulusLength }: NewCmkOptions): Promise<LocalCmk> {
  checkedId(id)
  if (!isCmkType(type)) throw invalid('type', `expected ${CMK_TYPES.join(' or ')}`)
  return rowOf(type).create(id, modulusLength)
}

function checkedId(id: string): string {
  if (!isCmkId(id)) throw invalid('id', 'expected 1 to 256 visible ASCII characters without spaces')
  return id
}

function invalid(path: string, message: string): EnvelopeError {
  return configError([{ path, message }], { subject: 'the new CMK' })
}

async function addTo(file: string, cmk: LocalCmk): Promise<void> {
  await changeKeyring(file, (cmks) => {
    if (cmks.has(cmk.id)) throw new EnvelopeError('KEYRING_EXISTS', `${file} already has ${named(cmk.id)}`)
    cmks.set(cmk.id, cmk)
  })
}

async function changeCmk(file: string, id: string, change: (cmk: LocalCmk) => LocalCmk): Promise<void> {
  await changeKeyring(file, (cmks) => {
    cmks.set(id, change(found(cmks.get(id), file, id)))
  })
}

function found(cmk: LocalCmk | undefined, file: string, id: string): LocalCmk {
  if (cmk === undefined) throw new EnvelopeError('CMK_NOT_FOUND', `${named(id)} is not in ${file}`)
  return cmk
}

function summaryOf(cmk: LocalCmk): CmkSummary {
  const row = rowOf(cmk.type)
  return {
    id: cmk.id,
    type: cmk.type,
    provider: row.provider,
    enabled: cmk.enabled,
    canUnwrap: row.canUnwrap(cmk),
    versions: row.versions(cmk),
  }
}
