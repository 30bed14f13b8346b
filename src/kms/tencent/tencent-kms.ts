import { EnvelopeError } from '../../errors.js'
import { refuseCancelled } from '../../cancellation.js'
import { systemClock, type Clock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import type { Kms } from '../kms.js'
import { TencentApi } from './api.js'
import { givenClients, type Connections } from './client.js'
import { parseCmkName } from './cmk-name.js'
import { encryptsNoSecrets } from '../secret.js'
import { credentialSource } from './credentials.js'
import { concurrencyOf, limitsOf } from './limits.js'
import { checkOptions, type CheckedCmk, type CheckedOptions, type TencentKmsOptions } from './options.js'
import { RsaCmk } from './rsa.js'
import { sdkClients } from './sdk-clients.js'
import { loadSdk } from './sdk.js'
import { SymmetricCmk } from './symmetric.js'
import type { TencentCmk } from './tencent-cmk.js'

/**
 * Tencent Cloud KMS. The id of a CMK is `<region>/<key id>`. Providers on the wire are `tencent-kms` and
 * `tencent-kms/rsa-oaep-sha256`. `docs/tencent-kms.md` explains how to set it up.
 *
 * The type of a CMK comes only from `cmks`: `describe` makes no call, so that a process can start while a region is
 * down; `verify` detects a wrong type. Beyond what `Kms` says, a call rejects with `KMS_CREDENTIALS_UNAVAILABLE`,
 * `KMS_REFUSED` or `KMS_SDK_MISSING`. If the service says that credentials are stale, the call is repeated once with
 * fresh ones. With an RSA CMK, wrapping uses a public key that is pinned or was fetched up to an hour ago, so it does
 * not notice that the CMK was disabled.
 *
 * `close()` cancels calls in progress: they reject with `ENCRYPTION_CLOSED`.
 *
 * Key bytes pass through base64 text and JSON, which Node.js cannot wipe.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function tencentKms(options: TencentKmsOptions): Kms {
  const checked = checkOptions(options)
  const clock = systemClock
  const api = new TencentApi(connections(checked, clock), checked.requestTimeoutMs, clock)
  const stated = new Map(
    [...checked.cmks].map(([id, cmk]): [string, TencentCmk] => [id, makeCmk(api, id, cmk, clock)]),
  )
  const find = (id: string): TencentCmk => stated.get(id) ?? makeCmk(api, id, UNSTATED, clock)
  /** `ReEncrypt` knows the symmetric CMKs of its region. */
  const rewraps = (cmkId: string, toCmkId: string): boolean => {
    const [cmk, to] = [parseCmkName(cmkId), parseCmkName(toCmkId)]
    if (cmk === undefined || cmk.region !== to?.region) return false
    return [cmkId, toCmkId].every((id) => find(id).rewrapDek !== undefined)
  }

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      const { provider, publicKeyWraps, offline } = find(cmkId)
      if (!offline) await api.prepare(signal)
      return { provider, publicKeyWraps, rewrapsTo: (toCmkId) => rewraps(cmkId, toCmkId) }
    },
    generateDek: async (call) => find(call.cmkId).generateDek(call),
    async wrapDek(call) {
      if (call.dek.length !== DEK_BYTES) {
        throw new EnvelopeError('CMK_UNUSABLE', `CMK ${call.cmkId} wraps only 32-byte DEKs`)
      }
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
    async rewrapDek(call) {
      const { cmkId, toCmkId, ciphertextDek } = call
      const cmk = find(cmkId)
      const to = parseCmkName(toCmkId)
      if (to === undefined || cmk.rewrapDek === undefined || !rewraps(cmkId, toCmkId))
        throw new EnvelopeError(
          'CMK_UNUSABLE',
          `Tencent Cloud KMS cannot re-encrypt from CMK ${cmkId} to CMK ${toCmkId}`,
        )
      return cmk.rewrapDek(ciphertextDek, to, call)
    },
    verify: async (call) => find(call.cmkId).verify[call.use](call),
    limits(operation, cmkId) {
      const name = parseCmkName(cmkId)
      const { type } = checked.cmks.get(cmkId) ?? UNSTATED
      return name === undefined ? {} : limitsOf(operation, name, type, checked.quota)
    },
    close() {
      api.close()
      return Promise.resolve()
    },
  }
}

/** A CMK that `cmks` does not name. */
const UNSTATED: CheckedCmk = { type: 'symmetric', dek: 'generate' }

function connections({ client, credentials, ...rest }: CheckedOptions, clock: Clock): Connections {
  if (client !== undefined) return givenClients(client)
  return sdkClients({
    sdk: loadSdk,
    credentials:
      credentials && credentialSource(credentials, loadSdk, { timeoutMs: rest.requestTimeoutMs, clock }),
    endpoint: rest.endpoint,
    proxy: rest.proxy,
    maxSockets: concurrencyOf(rest.quota),
    timeoutMs: rest.requestTimeoutMs,
    clock,
  })
}

function makeCmk(api: TencentApi, id: string, cmk: CheckedCmk, clock: Clock): TencentCmk {
  const name = parseCmkName(id)
  if (name === undefined) {
    // Not repeated: a malformed id might be a secret.
    throw new EnvelopeError('CMK_NOT_FOUND', 'expected a Tencent Cloud KMS id of the form <region>/<key id>')
  }
  return cmk.type === 'symmetric'
    ? new SymmetricCmk(api, name, cmk.dek)
    : new RsaCmk(api, name, cmk.publicKey, clock)
}
