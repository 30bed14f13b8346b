import type { KmsOperation } from '../../events.js'
import type { KmsCallLimits } from '../kms.js'
import type { CmkArn } from './cmk-arn.js'

/** Calls a second to a region, by families of operations that share a quota. */
export interface Quota {
  /** Calls of `GenerateDataKey`, `Encrypt`, `Decrypt` and `ReEncrypt` (which counts twice) under symmetric CMKs, together. */
  readonly symmetric: number
  /** Calls of `Decrypt` under RSA CMKs. */
  readonly rsa: number
}

/**
 * Four fifths of what an account has in the regions with the lowest quotas: symmetric operations share 5,500 a second,
 * operations with RSA CMKs 500 (AWS KMS Developer Guide, "Request quotas").
 */
export const DEFAULT_QUOTA: Quota = { symmetric: 4400, rsa: 400 }

/** The least number of concurrent calls to a region: a dozen a second if each takes 5 s. */
const MIN_CONCURRENCY = 64
/** Concurrency is high enough to use up the quota if each call takes this long. */
const USUAL_CALL_MS = 50

/** How many calls to a region run at the same time. */
export function concurrencyOf({ symmetric, rsa }: Quota): number {
  return Math.max(MIN_CONCURRENCY, Math.ceil((Math.max(symmetric, rsa) * USUAL_CALL_MS) / 1000))
}

/**
 * The limits that a call counts against. Wrapping under an RSA CMK has none: `GetPublicKey` is called at most once an
 * hour for each RSA CMK, and only when DEKs are made, which is far below its quota of 2,000 a second.
 */
export function limitsOf(
  operation: Exclude<KmsOperation, 'describe'>,
  { region }: CmkArn,
  isSymmetric: boolean,
  quota: Quota,
): KmsCallLimits {
  const concurrency = { group: `calls to ${region}`, max: concurrencyOf(quota) }
  if (isSymmetric) {
    // To prove that unwrapping works, a DEK is made as well. To re-encrypt is to decrypt and to encrypt: AWS does not say
    // whether that counts once.
    const calls = operation === 'verify' || operation === 'rewrap' ? 2 : 1
    const group = `symmetric calls to ${region}, \`quota.symmetric\``
    return { concurrency, rate: { group, perSecond: quota.symmetric, calls } }
  }
  if (operation === 'generate' || operation === 'wrap') return { concurrency }
  return { concurrency, rate: { group: `RSA calls to ${region}, \`quota.rsa\``, perSecond: quota.rsa } }
}
