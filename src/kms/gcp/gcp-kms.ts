import { refuseCancelled } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'
import { BearerService } from '../bearer-service.js'
import { JsonService } from '../json-service.js'
import type { Kms } from '../kms.js'
import { parseCmkName, type CmkName } from './cmk-name.js'
import { limitsOf } from './limits.js'
import { checkOptions, type GcpKmsOptions } from './options.js'
import { SymmetricCmk } from './symmetric.js'

/**
 * Google Cloud KMS, over REST. The id of a CMK is the resource name of a key,
 * `projects/…/locations/…/keyRings/…/cryptoKeys/…`, with the id of the project. The provider on the wire is `gcp-kms`.
 * `docs/google-kms.md` explains how to set it up.
 *
 * `describe` makes no call, so that a process can start while the service is down. Beyond what `Kms` says, a call
 * rejects with `KMS_CREDENTIALS_UNAVAILABLE` or `KMS_REFUSED`. If the service does not accept a token, and the source
 * has another one by then, the call is repeated once. Checksums (CRC32C) of all bytes are sent and checked.
 *
 * `close()` cancels calls in progress: they reject with `ENCRYPTION_CLOSED`.
 *
 * Key bytes pass through base64 text and JSON, which Node.js cannot wipe.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function gcpKms(options: GcpKmsOptions): Kms {
  const { token, endpoint: baseUrl, ca, agent, requestTimeoutMs, quota } = checkOptions(options)
  const clock = systemClock
  const service = new BearerService({
    service: new JsonService({ name: 'Cloud KMS', baseUrl, requestTimeoutMs, clock, ca, agent }),
    token,
    timeoutMs: requestTimeoutMs,
    clock,
  })
  const find = (id: string): SymmetricCmk => new SymmetricCmk(service, nameOf(id))

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      const { provider, publicKeyWraps } = find(cmkId)
      return Promise.resolve({ provider, publicKeyWraps })
    },
    generateDek: async (call) => find(call.cmkId).generateDek(call),
    wrapDek: async (call) => find(call.cmkId).wrapDek(call.dek, call),
    unwrapDek: async (call) => find(call.cmkId).unwrapDek(call.ciphertextDek, call),
    encryptSecret: async (call) => find(call.cmkId).encryptSecret(call.secret, call),
    decryptSecret: async (call) => find(call.cmkId).decryptSecret(call.ciphertext, call),
    verify: async (call) =>
      call.use === 'unwrap' ? find(call.cmkId).verifyUnwrap(call) : find(call.cmkId).verifyWrap(call),
    limits(operation, cmkId) {
      const name = parseCmkName(cmkId)
      return name === undefined ? {} : limitsOf(operation, name, quota)
    },
    close() {
      service.close()
      return Promise.resolve()
    },
  }
}

function nameOf(id: string): CmkName {
  const name = parseCmkName(id)
  if (name !== undefined) return name
  // Not repeated: a malformed id might be a secret.
  throw new EnvelopeError(
    'CMK_NOT_FOUND',
    'expected the name of a key in Cloud KMS, projects/<project id>/locations/<location>/keyRings/<key ring>/cryptoKeys/<key>, without a version',
  )
}
