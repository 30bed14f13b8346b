import { configError, EnvelopeError } from '../../errors.js'
import { refuseCancelled } from '../../cancellation.js'
import { systemClock, type Clock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import type { CmkDescription, Kms } from '../kms.js'
import { encryptsNoSecrets } from '../secret.js'
import { AwsApi } from './api.js'
import type { AwsCmk } from './aws-cmk.js'
import { givenClients, type Connections } from './client.js'
import { areReplicas, parseCmkArn, whyNotInPartition, type CmkArn } from './cmk-arn.js'
import { concurrencyOf, limitsOf } from './limits.js'
import { checkOptions, type AwsKmsOptions, type CheckedCmk, type CheckedOptions } from './options.js'
import { RsaCmk } from './rsa.js'
import { sdkClients } from './sdk-clients.js'
import { loadSdk } from './sdk.js'
import { SymmetricCmk } from './symmetric.js'

/**
 * AWS KMS. The id of a CMK is the ARN of its key; the ARN of an alias is refused, because an alias can change. Providers
 * on the wire are `aws-kms` and `aws-kms/rsa-oaep-sha256`. `docs/aws-kms.md` explains how to set it up.
 *
 * The replicas of a multi-region key unwrap for each other: a reader that has the replica of its own region opens
 * envelopes that were sealed under one of another region, and asks only its own.
 *
 * The type of a CMK comes only from `cmks`: `describe` makes no call, so that a process can start while a region is
 * down; `verify` detects a wrong type. Beyond what `Kms` says, a call rejects with `KMS_CREDENTIALS_UNAVAILABLE`,
 * `KMS_REFUSED` or `KMS_SDK_MISSING`. If the service says that credentials are stale, the call is repeated once with
 * fresh ones. With an RSA CMK, wrapping uses a public key that is pinned or was fetched up to an hour ago, so it does
 * not notice that the CMK was disabled.
 *
 * `close()` cancels calls in progress: they reject with `ENCRYPTION_CLOSED`. It does not close clients that the
 * application made.
 *
 * Key bytes pass through base64 text and JSON, which Node.js cannot wipe.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function awsKms(options: AwsKmsOptions = {}): Kms {
  const checked = checkOptions(options)
  const clock = systemClock
  const api = new AwsApi({
    sdk: loadSdk,
    connections: connections(checked, clock),
    timeoutMs: checked.requestTimeoutMs,
    clock,
  })
  const stated = new Map(
    [...checked.cmks].map(([id, cmk]): [string, AwsCmk] => [id, makeCmk(api, arnOf(id), cmk, clock)]),
  )
  const find = (id: string): AwsCmk => stated.get(id) ?? makeCmk(api, arnOf(id), UNSTATED, clock)
  /** `ReEncrypt` needs both CMKs in one region; the accounts may differ. */
  const rewraps = (cmkId: string, toCmkId: string): boolean => {
    const [cmk, to] = [parseCmkArn(cmkId), parseCmkArn(toCmkId)]
    if (cmk === undefined || to === undefined) return false
    if (cmk.region !== to.region || cmk.partition !== to.partition) return false
    return [cmkId, toCmkId].every((id) => find(id).rewrapDek !== undefined)
  }

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      const { provider, publicKeyWraps, offline } = find(cmkId)
      if (!offline) await api.prepare(signal)
      return {
        ...{ provider, publicKeyWraps, ...replicasOf(arnOf(cmkId)) },
        rewrapsTo: (toCmkId) => rewraps(cmkId, toCmkId),
      }
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
      if (cmk.rewrapDek === undefined || !rewraps(cmkId, toCmkId))
        throw new EnvelopeError(
          'CMK_UNUSABLE',
          `AWS KMS cannot re-encrypt from CMK ${cmkId} to CMK ${toCmkId}`,
        )
      return cmk.rewrapDek(ciphertextDek, arnOf(toCmkId), call)
    },
    verify: async (call) => find(call.cmkId).verify[call.use](call),
    limits(operation, cmkId) {
      const arn = parseCmkArn(cmkId)
      const { type } = checked.cmks.get(cmkId) ?? UNSTATED
      return arn === undefined ? {} : limitsOf(operation, arn, type === 'symmetric', checked.quota)
    },
    close() {
      api.close()
      return Promise.resolve()
    },
  }
}

/** A CMK that `cmks` does not name. */
const UNSTATED: CheckedCmk = { type: 'symmetric', dek: 'generate' }

function connections(
  { client, credentials, endpoint, quota, requestTimeoutMs }: CheckedOptions,
  clock: Clock,
): Connections {
  if (client !== undefined) return givenClients(client)
  return sdkClients({
    sdk: loadSdk,
    credentials,
    endpoint,
    maxSockets: concurrencyOf(quota),
    timeoutMs: requestTimeoutMs,
    clock,
  })
}

function replicasOf(arn: CmkArn): Pick<CmkDescription, 'unwrapsFor'> {
  if (!arn.isMultiRegion) return {}
  return {
    unwrapsFor(cmkId) {
      const other = parseCmkArn(cmkId)
      return other !== undefined && areReplicas(arn, other)
    },
  }
}

/** @throws EnvelopeError CMK_NOT_FOUND, CONFIG_INVALID */
function arnOf(id: string): CmkArn {
  const arn = parseCmkArn(id)
  if (arn === undefined) {
    // Not repeated: a malformed id might be a secret.
    throw new EnvelopeError(
      'CMK_NOT_FOUND',
      'expected the ARN of a key of AWS KMS, arn:aws:kms:<region>:<account>:key/<key id>; aliases are refused, because they can change',
    )
  }
  const why = whyNotInPartition(arn)
  if (why !== undefined) throw configError([{ path: 'id', message: why }], { subject: `CMK ${id}` })
  return arn
}

function makeCmk(api: AwsApi, arn: CmkArn, cmk: CheckedCmk, clock: Clock): AwsCmk {
  return cmk.type === 'symmetric' ? new SymmetricCmk(api, arn, cmk.dek) : new RsaCmk(api, arn, cmk, clock)
}
