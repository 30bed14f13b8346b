import { refuseCancelled } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError } from '../../errors.js'
import { whyNoBaseUrl } from '../json-service.js'
import type { Kms } from '../kms.js'
import { encryptsNoSecrets } from '../secret.js'
import { AesCmk } from './aes.js'
import { AzureApi } from './azure-api.js'
import type { AzureCmk } from './azure-cmk.js'
import { parseKeyId } from './key-id.js'
import { limitsOf } from './limits.js'
import { checkOptions, type AzureKmsOptions } from './options.js'
import { RsaCmk } from './rsa.js'

/**
 * Azure Key Vault and Managed HSM, over REST. The id of a CMK is the id of a key without a version,
 * `https://<vault>.vault.azure.net/keys/<name>`: an RSA key in a vault, or an AES-256 key in a Managed HSM. Providers on
 * the wire are `azure-key-vault/rsa-oaep-sha256` and `azure-managed-hsm`. `docs/azure-key-vault.md` explains how to set
 * it up.
 *
 * The version of the key stands in the ciphertext DEK, so that records that were sealed before a rotation open after it.
 * `describe` makes no call, so that a process can start while a vault is down. Beyond what `Kms` says, a call rejects
 * with `KMS_CREDENTIALS_UNAVAILABLE` or `KMS_REFUSED`. If the service does not accept a token, and the credential has
 * another one by then, the call is repeated once. Under an RSA key, wrapping uses a public key that was fetched up to an
 * hour ago, so it does not notice at once that the key was disabled or rotated; one that is pinned (`cmks`) stays until
 * the options change.
 *
 * `close()` cancels calls in progress: they reject with `ENCRYPTION_CLOSED`.
 *
 * Key bytes pass through base64url text and JSON, which Node.js cannot wipe.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function azureKms(options: AzureKmsOptions): Kms {
  const { hosts, pinned, quota, ...rest } = checkOptions(options)
  const clock = systemClock
  const api = new AzureApi({ ...rest, clock })
  const cmks = new Map<string, AzureCmk>()
  const find = (id: string): AzureCmk => {
    const known = cmks.get(id)
    if (known !== undefined) return known
    const key = parseKeyId(id, hosts)
    // The id is not repeated: a malformed one might be a secret.
    if (key === undefined || whyNoBaseUrl(key.baseUrl) !== undefined)
      throw new EnvelopeError(
        'CMK_NOT_FOUND',
        'expected the id of a key without a version, https://<vault>.vault.azure.net/keys/<name>, in a domain of Azure or at one of `hosts` of azureKms()',
      )
    const made =
      key.type === 'vault' ? new RsaCmk(api, key, { pinned: pinned.get(id), clock }) : new AesCmk(api, key)
    cmks.set(id, made)
    return made
  }

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      const { provider, publicKeyWraps } = find(cmkId)
      return Promise.resolve({ provider, publicKeyWraps })
    },
    generateDek: async (call) => find(call.cmkId).generateDek(call),
    async wrapDek(call) {
      if (call.dek.length !== DEK_BYTES)
        throw new EnvelopeError('CMK_UNUSABLE', `CMK ${call.cmkId} wraps only 32-byte DEKs`)
      return find(call.cmkId).wrapDek(call.dek, call)
    },
    unwrapDek: async (call) => find(call.cmkId).unwrapDek(call.ciphertextDek, call),
    async encryptSecret(call) {
      const cmk = find(call.cmkId)
      if (cmk.encryptSecret === undefined) throw encryptsNoSecrets(call.cmkId)
      return cmk.encryptSecret(call.secret, call)
    },
    async decryptSecret(call) {
      const cmk = find(call.cmkId)
      if (cmk.decryptSecret === undefined) throw encryptsNoSecrets(call.cmkId)
      return cmk.decryptSecret(call.ciphertext, call)
    },
    verify: async (call) =>
      call.use === 'unwrap' ? find(call.cmkId).verifyUnwrap(call) : find(call.cmkId).verifyWrap(call),
    limits(operation, cmkId) {
      const key = parseKeyId(cmkId, hosts)
      return key === undefined ? {} : limitsOf(operation, key, quota)
    },
    close() {
      api.close()
      return Promise.resolve()
    },
  }
}
