import type { KmsOperation } from '../../events.js'
import type { KmsCallLimits } from '../kms.js'
import type { KeyId } from './key-id.js'

/** Four fifths of what a vault takes by default for 2,048-bit software keys: 4,000 in 10 seconds. */
export const DEFAULT_QUOTA = 320

/** The least number of concurrent calls: a dozen a second if each takes 5 s. */
const MIN_CONCURRENCY = 64
/** Concurrency is high enough to use up the quota if each call takes this long. */
const USUAL_CALL_MS = 50

/**
 * The limits that a call counts against. Wrapping under an RSA key has no rate: its public key is fetched at most once an
 * hour.
 */
export function limitsOf(
  operation: Exclude<KmsOperation, 'describe'>,
  { host, type }: KeyId,
  quota: number,
): KmsCallLimits {
  const max = Math.max(MIN_CONCURRENCY, Math.ceil((quota * USUAL_CALL_MS) / 1000))
  const concurrency = { group: `calls to ${host}`, max }
  if (type === 'vault' && (operation === 'generate' || operation === 'wrap')) return { concurrency }
  // To prove that unwrapping works, a DEK is wrapped as well.
  const calls = operation === 'verify' ? 2 : 1
  return { concurrency, rate: { group: `calls to ${host}, \`quota\``, perSecond: quota, calls } }
}
