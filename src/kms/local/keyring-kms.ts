import { randomFillSync } from 'node:crypto'

import { refuseCancelled } from '../../cancellation.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError } from '../../errors.js'
import type { EncryptionContext, Kms, KmsCall } from '../kms.js'
import { encryptsNoSecrets } from '../secret.js'
import { rowOf } from './cmk-rows.js'
import type { Keyring } from './keyring.js'
import { ciphertextDekInvalid, named, type LocalCmk } from './local-cmk.js'

/**
 * A KMS whose CMKs are in a keyring.
 * @param read returns the current keyring; called for each call
 * @param place where the keyring is, for messages
 */
export function keyringKms(read: () => Promise<Keyring>, place: string): Kms {
  const find = async (cmkId: string, signal: AbortSignal): Promise<LocalCmk> => {
    refuseCancelled(signal)
    const cmk = (await read()).get(cmkId)
    refuseCancelled(signal)
    if (cmk === undefined) throw new EnvelopeError('CMK_NOT_FOUND', `${named(cmkId)} is not in ${place}`)
    return cmk
  }
  const findEnabled = async ({ cmkId, signal }: KmsCall): Promise<LocalCmk> => {
    const cmk = await find(cmkId, signal)
    if (!cmk.enabled) throw new EnvelopeError('CMK_DISABLED', `${named(cmkId)} is disabled in ${place}`)
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

    async encryptSecret(call) {
      const cmk = await findEnabled(call)
      const row = rowOf(cmk.type)
      if (row.encrypt === undefined) throw encryptsNoSecrets(call.cmkId)
      return row.encrypt(cmk, call.secret, call.context)
    },

    async decryptSecret(call) {
      const cmk = await findEnabled(call)
      const row = rowOf(cmk.type)
      if (row.decrypt === undefined) throw encryptsNoSecrets(call.cmkId)
      return row.decrypt(cmk, call.ciphertext, call.context)
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
    throw new EnvelopeError('CMK_UNUSABLE', `${named(cmk.id)} wraps only 32-byte DEKs`)
  }
  return rowOf(cmk.type).wrap(cmk, dek, context)
}

/** Rows check the exact length of `ciphertextDek` first. */
function unwrap(cmk: LocalCmk, ciphertextDek: Uint8Array, context: EncryptionContext): Uint8Array {
  const dek = rowOf(cmk.type).unwrap(cmk, ciphertextDek, context)
  if (dek.length === DEK_BYTES) return dek
  dek.fill(0)
  throw ciphertextDekInvalid(cmk.id)
}

/** In its own memory: a copy in Node's shared buffer pool could not be wiped reliably. */
function newDek(): Uint8Array {
  return randomFillSync(new Uint8Array(DEK_BYTES))
}
