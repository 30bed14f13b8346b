import type { KmsOperation } from '../../events.js'
import type { KmsCallLimits } from '../kms.js'
import type { CmkName } from './cmk-name.js'

/** Calls a second to a region, by families of actions that share a quota. */
export interface Quota {
  /** Calls of `GenerateDataKey`, `Encrypt`, `Decrypt` and `ReEncrypt` (which counts three times), together. */
  readonly symmetric: number
  /** Calls of `AsymmetricRsaDecrypt`. */
  readonly rsa: number
}

/**
 * Four fifths of what an account has without an edition: symmetric operations share 300 a second (573/131380), the
 * API pages say 200 for `AsymmetricRsaDecrypt`.
 */
export const DEFAULT_QUOTA: Quota = { symmetric: 240, rsa: 160 }

/** The least number of concurrent calls to a region: a dozen a second if each takes 5 s. */
const MIN_CONCURRENCY = 64
/** Concurrency is high enough to use up the quota if each call takes this long. */
const USUAL_CALL_MS = 50

/** How many calls to a region run at the same time. */
export function concurrencyOf({ symmetric, rsa }: Quota): number {
  return Math.max(MIN_CONCURRENCY, Math.ceil((Math.max(symmetric, rsa) * USUAL_CALL_MS) / 1000))
}

/**
 * As how many calls an operation counts under symmetric CMKs. To prove that unwrapping works, a DEK is made as well. For
 * `ReEncrypt`, the API pages say 100 a second, a third of what symmetric operations share; no page says whether it is one
 * of them. As three of them, it keeps within both.
 */
const CALLS: Readonly<Partial<Record<KmsOperation, number>>> = { verify: 2, rewrap: 3 }

/**
 * The limits that a call counts against. Wrapping under an RSA CMK has none: `GetPublicKey` is called at most once an
 * hour for each RSA CMK, and only when DEKs are made, which is far below its quota of 100 a second.
 */
export function limitsOf(
  operation: Exclude<KmsOperation, 'describe'>,
  { region }: CmkName,
  type: 'symmetric' | 'rsa-2048',
  quota: Quota,
): KmsCallLimits {
  const concurrency = { group: `calls to ${region}`, max: concurrencyOf(quota) }
  if (type === 'symmetric') {
    const calls = CALLS[operation] ?? 1
    const group = `symmetric calls to ${region}, \`quota.symmetric\``
    return { concurrency, rate: { group, perSecond: quota.symmetric, calls } }
  }
  if (operation === 'generate' || operation === 'wrap') return { concurrency }
  return { concurrency, rate: { group: `RSA calls to ${region}, \`quota.rsa\``, perSecond: quota.rsa } }
}
