import { timeSpan } from '../units.js'
import { matches, TopicIndex } from '../policy/topics.js'
import type { CheckedDecryptRule, CheckedPolicy, CheckedRule } from './checked.js'
import { REJECTION_POLICIES } from './rejection.js'

/** Something in a configuration that is valid and probably not intended, whatever the load. */
export interface PolicyWarning {
  readonly id: PolicyWarningId
  readonly path: string
  /** What is so. Has no full stop, and may lack its subject, which is `path`. */
  readonly what: string
  /** What to do about it, as part of a sentence. */
  readonly remedy: string
}

export type PolicyWarningId =
  | 'grace-too-long'
  | 'prefetch-off'
  | 'dek-timeout-too-long'
  | 'provisioned-dek-ends'
  | 'plaintext-accepted'
  | 'dead-letters-refused'
  | 'tombstones-refused'
  | 'cache-outlives-cmk'

const DAY_MS = 86_400_000
/** How long brokers wait for a transaction, unless its producer says otherwise. */
const TRANSACTION_TIMEOUT_MS = 60_000

/** The warnings of one rule, and of its place in the file. */
export function* ruleWarnings(
  rule: CheckedRule,
  path: string,
  policy: CheckedPolicy,
): Iterable<PolicyWarning> {
  yield* ofSealing(rule, `${path}.encrypt`)
  yield* ofReading(rule, `${path}.decrypt`, policy)
}

function* ofSealing({ encrypt }: CheckedRule, path: string): Iterable<PolicyWarning> {
  if (!encrypt) return
  const { maxAgeMs } = encrypt.rotate
  if (encrypt.graceMs > maxAgeMs) {
    yield {
      id: 'grace-too-long',
      path: `${path}.rotate.grace`,
      what: `is longer than \`maxAge\`: in an outage a DEK would be used for more than twice its maximum age, ${timeSpan(maxAgeMs + encrypt.graceMs)} instead of ${timeSpan(maxAgeMs)}`,
      remedy: 'make it shorter than `maxAge`',
    }
  }
  if (encrypt.prefetchMs === 0 && !encrypt.provisionedDek) {
    yield {
      id: 'prefetch-off',
      path: `${path}.rotate.prefetch`,
      what: 'sends wait for the KMS whenever a DEK reaches a limit',
      remedy: 'leave `prefetch` out, unless that is intended',
    }
  }
  if (encrypt.dekTimeoutMs >= TRANSACTION_TIMEOUT_MS) {
    yield {
      id: 'dek-timeout-too-long',
      path: `${path}.dekTimeout`,
      what: "is as long as a producer's transactions may take (60s by default): brokers abort a transaction that waits that long",
      remedy: 'make it shorter, or the `transactionTimeout` of producers longer',
    }
  }
  if (encrypt.provisionedDek) {
    yield {
      id: 'provisioned-dek-ends',
      path: `${path}.provisionedDek`,
      what: `is not renewed: sends fail ${timeSpan(maxAgeMs)} after it was created, or at another limit`,
      remedy: 'replace it before then',
    }
  }
}

function* ofReading(
  { match, encrypt, decrypt }: CheckedRule,
  path: string,
  policy: CheckedPolicy,
): Iterable<PolicyWarning> {
  if (!decrypt) return
  const until = [...decrypt.plaintext.untilOffsets.keys()]
  if (until.length > 0) {
    yield {
      id: 'plaintext-accepted',
      path: `${path}.plaintext.untilOffsets`,
      what: `plaintext in ${until.join(', ')} is accepted below these offsets`,
      remedy: 'remove this after the migration',
    }
  }
  for (const member of REJECTION_POLICIES) {
    const said = decrypt[member]
    if (typeof said !== 'object') continue
    const reader = readerOf(policy, said.deadLetter)
    const refused = reader
      ? match.filter((pattern) => !reader.originalTopics.some((origin) => covers(origin, pattern)))
      : []
    if (refused.length === 0) continue
    yield {
      id: 'dead-letters-refused',
      path: `${path}.${member}.deadLetter`,
      what: `the rule that reads ${said.deadLetter} refuses records that were sealed for ${refused.join(', ')}`,
      remedy: 'add them to its `originalTopics`',
    }
  }
  if (decrypt.tombstones === 'reject' && encrypt?.tombstones === 'pass') {
    yield {
      id: 'tombstones-refused',
      path: `${path}.tombstones`,
      what: 'null values are sent, but refused on reading',
      remedy: 'set `tombstones` of `encrypt` and `decrypt` to the same',
    }
  }
}

export function* cacheWarnings({ cache }: CheckedPolicy): Iterable<PolicyWarning> {
  if (cache.ttlMs <= DAY_MS) return
  yield {
    id: 'cache-outlives-cmk',
    path: 'cache.ttl',
    what: `readers can go on decrypting for ${timeSpan(cache.ttlMs)} after a CMK is disabled`,
    remedy: 'shorten it, unless that is intended',
  }
}

function readerOf({ rules }: CheckedPolicy, topic: string): CheckedDecryptRule | undefined {
  return new TopicIndex(rules, ({ match }) => match).find(topic)?.decrypt
}

/** Whether an entry of `originalTopics` covers all topics that a pattern matches. */
function covers(origin: string, pattern: string): boolean {
  return origin === pattern || (origin.endsWith('*') && matches(origin, pattern))
}
