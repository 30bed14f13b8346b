import { createPublicKey } from 'node:crypto'

import * as v from 'valibot'

import { action, type Action } from '../action.js'
import { fromBase64 } from '../blobs.js'
import { onlyIn, requireState, requireUsage, type Cmk } from '../cmk.js'
import { Refusal } from '../refusal.js'
import { decryptByRsa } from '../rsa.js'

/** "The asymmetric key must be in Enabled state." */
const ENABLED = onlyIn('Enabled')

export const asymmetricActions: readonly Action[] = [
  action({
    name: 'GetPublicKey',
    parameters: v.strictObject({ KeyId: v.string() }),
    run({ KeyId }, call) {
      const cmk = call.cmk(KeyId)
      // It does not list InvalidKeyUsage.
      const key = createPublicKey(privateKeyOf(cmk, 'InvalidParameterValue.InvalidKeyId'))
      const PublicKey = key.export({ type: 'spki', format: 'der' }).toString('base64')
      return {
        KeyId: cmk.keyId,
        PublicKey,
        // As in the vendor's example: base64 of base64, which is not PEM.
        PublicKeyPem: Buffer.from(PublicKey).toString('base64'),
      }
    },
  }),
  action({
    name: 'AsymmetricRsaDecrypt',
    quota: { perSecond: 200 },
    parameters: v.strictObject({ KeyId: v.string(), Ciphertext: v.string(), Algorithm: v.string() }),
    run({ KeyId, Ciphertext, Algorithm }, call) {
      const cmk = call.cmk(KeyId)
      const privateKey = privateKeyOf(cmk)
      const ciphertext = fromBase64(Ciphertext)
      if (ciphertext === undefined) throw new Refusal('InvalidParameter', 'Ciphertext is not base64.')
      const plaintext = decryptByRsa(privateKey, Algorithm, ciphertext)
      return { KeyId: cmk.keyId, Plaintext: plaintext.toString('base64') }
    },
  }),
  action({
    name: 'AsymmetricSm2Decrypt',
    quota: { perSecond: 200 },
    parameters: v.strictObject({ KeyId: v.string(), Ciphertext: v.string() }),
    run({ KeyId }, call) {
      call.cmk(KeyId)
      throw new Refusal(
        'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
        'This emulator has no SM2 in any region.',
      )
    },
  }),
]

function privateKeyOf(cmk: Cmk, ofUsage?: string): string {
  requireUsage(cmk, 'ASYMMETRIC_DECRYPT_RSA_2048', ofUsage)
  requireState(cmk, ENABLED)
  return cmk.privateKey ?? ''
}
