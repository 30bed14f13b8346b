import { randomFillSync } from 'node:crypto'
import { resolve } from 'node:path'

import { EnvelopeError } from '../../errors.js'
import { refuseAborted } from '../aborted.js'
import type { EncryptionContext, Kms, KmsCall } from '../kms.js'
import { rowOf } from './cmk-rows.js'
import { readKeyring } from './keyring-file.js'
import { ciphertextDekInvalid, named, type LocalCmk } from './local-cmk.js'

const DEK_BYTES = 32

/** Options of {@link localKms}. */
export interface LocalKmsOptions {
  /** Path of the keyring file; a relative one counts from the working directory at this moment. */
  readonly keyring: string
}

/**
 * A KMS whose CMKs stand in a file, for development, tests, and machines that have no other KMS: whoever
 * can read the file has the CMKs. Providers on the wire are `local` and `local/rsa-oaep-sha256`.
 *
 * The file is read on each call, so that rotating or disabling a CMK shows at once. Beyond what `Kms`
 * says, a call rejects by `KEYRING_NOT_FOUND`, `KEYRING_EXPOSED` (others than the owner may use the file;
 * not checked on Windows) or `KEYRING_INVALID`.
 *
 * @throws EnvelopeError CONFIG_INVALID where `keyring` is no path
 */
export function localKms(options: LocalKmsOptions): Kms {
  if (typeof options.keyring !== 'string' || options.keyring === '') {
    const message = 'expected the path of a keyring file'
    throw new EnvelopeError('CONFIG_INVALID', message, { issues: [{ path: 'keyring', message }] })
  }
  const file = resolve(options.keyring)

  const find = async (cmkId: string, signal: AbortSignal): Promise<LocalCmk> => {
    refuseAborted(signal)
    const cmk = (await readKeyring(file)).get(cmkId)
    refuseAborted(signal)
    if (cmk === undefined) throw new EnvelopeError('CMK_NOT_FOUND', `${named(cmkId)} is not in ${file}`)
    return cmk
  }
  const findEnabled = async ({ cmkId, signal }: KmsCall): Promise<LocalCmk> => {
    const cmk = await find(cmkId, signal)
    if (!cmk.enabled) throw new EnvelopeError('CMK_DISABLED', `${named(cmkId)} is disabled in ${file}`)
    return cmk
  }

  return {
    async describe(cmkId, signal) {
      const { provider, publicKeyWraps } = rowOf((await find(cmkId, signal)).type)
      return { provider, publicKeyWraps }
    },

    async generateDek(call) {
      const cmk = await findEnabled(call)
      const dek = newDek()
      try {
        return { dek, ciphertextDek: wrap(cmk, dek, call.context) }
      } catch (error) {
        dek.fill(0)
        throw error
      }
    },

    async wrapDek(call) {
      return wrap(await findEnabled(call), call.dek, call.context)
    },

    async unwrapDek(call) {
      return unwrap(await findEnabled(call), call.ciphertextDek, call.context)
    },

    async verify(call) {
      const cmk = await findEnabled(call)
      const dek = newDek()
      try {
        const ciphertextDek = wrap(cmk, dek, call.context)
        if (call.use === 'unwrap') unwrap(cmk, ciphertextDek, call.context).fill(0)
      } finally {
        dek.fill(0)
      }
    },
  }
}

function wrap(cmk: LocalCmk, dek: Uint8Array, context: EncryptionContext): Uint8Array {
  if (dek.length !== DEK_BYTES) {
    throw new EnvelopeError('CMK_UNUSABLE', `${named(cmk.id)} wraps DEKs of 32 bytes and nothing else`)
  }
  return rowOf(cmk.type).wrap(cmk, dek, context)
}

/** Rows check the length of `ciphertextDek` exactly, before anything else of it. */
function unwrap(cmk: LocalCmk, ciphertextDek: Uint8Array, context: EncryptionContext): Uint8Array {
  const dek = rowOf(cmk.type).unwrap(cmk, ciphertextDek, context)
  if (dek.length === DEK_BYTES) return dek
  dek.fill(0)
  throw ciphertextDekInvalid(cmk.id)
}

/** In memory of its own: a view of Node's buffer pool would outlive the wiping by its neighbours. */
function newDek(): Uint8Array {
  return randomFillSync(new Uint8Array(DEK_BYTES))
}
