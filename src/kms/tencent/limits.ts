import type { KmsOperation } from '../../events.js'
import type { KmsCallLimits } from '../kms.js'
import type { CmkName } from './cmk-name.js'

/** Calls a second to a region, by families of actions that share a quota. */
export interface Quota {
  /** `GenerateDataKey`, `Encrypt` and `Decrypt` together. */
  readonly symmetric: number
  /** `AsymmetricRsaDecrypt`. */
  readonly rsa: number
}

/**
 * Four fifths of what an account has without an edition: symmetric operations share 300 a second (573/131380), the
 * API pages say 200 for `AsymmetricRsaDecrypt`.
 */
export const DEFAULT_QUOTA: Quota = { symmetric: 240, rsa: 160 }

/** At least so many calls to a region at the same time. */
const MIN_CONCURRENCY = 16
/** Concurrency lets a process use its quota while a call takes this long. */
const USUAL_CALL_MS = 50

/** How many calls to a region run at the same time. */
export function concurrencyOf({ symmetric, rsa }: Quota): number {
  return Math.max(MIN_CONCURRENCY, Math.ceil((Math.max(symmetric, rsa) * USUAL_CALL_MS) / 1000))
}

/**
 * What a call counts against. `GetPublicKey`, once an hour for each RSA CMK and no more often than DEKs are made, stays far
 * below its quota of 100 a second, so that wrapping under an RSA CMK has no limit here.
 */
export function limitsOf(
  operation: Exclude<KmsOperation, 'describe'>,
  { region }: CmkName,
  type: 'symmetric' | 'rsa-2048',
  quota: Quota,
): KmsCallLimits {
  const concurrency = { group: `calls to ${region}`, max: concurrencyOf(quota) }
  if (type === 'symmetric') {
    // To prove that unwrapping works, a DEK is made as well.
    const calls = operation === 'verify' ? 2 : 1
    const group = `symmetric calls to ${region}, \`quota.symmetric\``
    return { concurrency, rate: { group, perSecond: quota.symmetric, calls } }
  }
  if (operation === 'generate' || operation === 'wrap') return { concurrency }
  return { concurrency, rate: { group: `RSA calls to ${region}, \`quota.rsa\``, perSecond: quota.rsa } }
}
