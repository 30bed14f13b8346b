import type { KmsOperation } from '../../events.js'
import type { KmsCallLimits } from '../kms.js'
import type { CmkName } from './cmk-name.js'

/** Four fifths of the cryptographic requests that a project has by default: 60,000 a minute. */
export const DEFAULT_QUOTA = 800

/** The least number of concurrent calls: a dozen a second if each takes 5 s. */
const MIN_CONCURRENCY = 64
/** Concurrency is high enough to use up the quota if each call takes this long. */
const USUAL_CALL_MS = 50

export function limitsOf(
  operation: Exclude<KmsOperation, 'describe'>,
  { project, location }: CmkName,
  quota: number,
): KmsCallLimits {
  const place = `${project} in ${location}`
  return {
    concurrency: {
      group: `calls to ${place}`,
      max: Math.max(MIN_CONCURRENCY, Math.ceil((quota * USUAL_CALL_MS) / 1000)),
    },
    // To prove that unwrapping works, a DEK is wrapped as well.
    rate: { group: `calls to ${place}, \`quota\``, perSecond: quota, calls: operation === 'verify' ? 2 : 1 },
  }
}
