import type { CheckedPolicy, CheckedDecryptRule } from '../../config/checked.js'
import { DAY_MS, type Load } from './dek-counts.js'
import type { Estimate, KmsEstimate, RuleEstimate } from './estimate.js'
import { figure, timeSpan } from './format-units.js'
import { REJECTION_POLICIES } from '../../config/rejection.js'
import { matches, TopicIndex } from '../../policy/topics.js'
import { billingOf, VENDORS } from './kms-pricing.js'

/** Something that is valid and probably not intended. */
export interface Warning {
  readonly path: string
  readonly message: string
}

/** For one rule. Each reader that starts unwraps all of them. */
const MANY_DEKS_PER_DAY = 10_000
/** KafkaJS's default `transactionTimeout`. */
const TRANSACTION_TIMEOUT_MS = 60_000

export function warnings(policy: CheckedPolicy, load: Load, estimated: Estimate): Warning[] {
  return [
    ...estimated.rules.flatMap((rule) => [
      ...ofSealing(rule, policy, load),
      ...ofReading(rule, policy),
      ...ofBoth(rule, policy),
    ]),
    ...ofCache(policy, estimated),
    ...estimated.kmses.flatMap((kms) => [...ofKms(kms, policy, load)]),
  ]
}

function* ofSealing(
  { rule, path, sealing }: RuleEstimate,
  policy: CheckedPolicy,
  load: Load,
): Iterable<Warning> {
  const { encrypt } = rule
  if (!encrypt || !sealing) return
  const at = (member: string): string => `${path}.encrypt.${member}`
  const { deks, cmks, overhead } = sealing
  const { maxAgeMs } = encrypt.rotate
  if (deks.perDay > MANY_DEKS_PER_DAY) {
    const remedy =
      deks.restarts > deks.rotations ? 'a `dekStore` keeps DEKs across restarts' : 'raise the limits of a DEK'
    const message = `${figure(deks.perDay)} DEKs a day, and every reader must unwrap each of them: ${remedy}`
    yield {
      path: at(
        deks.limit === 'age'
          ? 'rotate.maxAge'
          : deks.limit === 'bytes'
            ? 'rotate.maxBytes'
            : 'rotate.maxMessages',
      ),
      message,
    }
  }
  const perSecond = deks.perDay / load.producers / 86_400
  if (perSecond > policy.kmsRateLimit.sealing.perSecond) {
    yield {
      path: at('rotate'),
      message: `each producer needs ${figure(perSecond)} DEKs a second, but \`kmsRateLimit.sealing\` allows ${figure(policy.kmsRateLimit.sealing.perSecond)} calls: sends will wait and fail`,
    }
  }
  if (encrypt.graceMs > maxAgeMs) {
    yield {
      path: at('rotate.grace'),
      message: `is longer than \`maxAge\`: in an outage a DEK would be used for more than twice its maximum age, ${timeSpan(maxAgeMs + encrypt.graceMs)} instead of ${timeSpan(maxAgeMs)}`,
    }
  }
  if (encrypt.prefetchMs === 0 && !encrypt.provisionedDek) {
    yield {
      path: at('rotate.prefetch'),
      message: 'sends wait for the KMS whenever a DEK reaches a limit',
    }
  }
  if (encrypt.dekTimeoutMs >= TRANSACTION_TIMEOUT_MS) {
    yield {
      path: at('dekTimeout'),
      message:
        "is as long as KafkaJS's `transactionTimeout` (60s by default): brokers abort a transaction that waits that long",
    }
  }
  const largest = Math.max(...overhead.map(({ bytes }) => bytes)) + load.recordBytes
  if (largest > encrypt.maxBatchBytes) {
    yield {
      path: at('maxBatchBytes'),
      message: `a record of ${figure(load.recordBytes)} bytes takes ${figure(largest)} bytes encrypted and cannot be sent`,
    }
  }
  if (encrypt.provisionedDek && cmks.length > 0) {
    yield {
      path: at('provisionedDek'),
      message: `is not renewed: sends fail ${timeSpan(maxAgeMs)} after it was created, or at another limit`,
    }
  }
}

function* ofReading({ rule, path }: RuleEstimate, policy: CheckedPolicy): Iterable<Warning> {
  const { decrypt } = rule
  if (!decrypt) return
  const until = [...decrypt.plaintext.untilOffsets.keys()]
  if (until.length > 0) {
    yield {
      path: `${path}.decrypt.plaintext.untilOffsets`,
      message: `plaintext in ${until.join(', ')} is accepted below these offsets: remove this after the migration`,
    }
  }
  for (const member of REJECTION_POLICIES) {
    const said = decrypt[member]
    if (typeof said !== 'object') continue
    const reader = readerOf(policy, said.deadLetter)
    const refused = reader
      ? rule.match.filter((pattern) => !reader.originalTopics.some((origin) => covers(origin, pattern)))
      : []
    if (refused.length === 0) continue
    yield {
      path: `${path}.decrypt.${member}.deadLetter`,
      message: `the rule that reads ${said.deadLetter} refuses records that were sealed for ${refused.join(', ')}: add them to its \`originalTopics\``,
    }
  }
}

function readerOf({ rules }: CheckedPolicy, topic: string): CheckedDecryptRule | undefined {
  return new TopicIndex(rules, ({ match }) => match).find(topic)?.decrypt
}

/** Whether an entry of `originalTopics` covers all topics that a pattern matches. */
function covers(origin: string, pattern: string): boolean {
  return origin === pattern || (origin.endsWith('*') && matches(origin, pattern))
}

/** Warns of records that a rule encrypts but would refuse to decrypt. */
function* ofBoth({ rule, path, reading }: RuleEstimate, { cmks }: CheckedPolicy): Iterable<Warning> {
  const { encrypt, decrypt } = rule
  if (!encrypt || !decrypt) return
  const at = (member: string): string => `${path}.decrypt.${member}`
  if (!reading?.cmk && cmks[encrypt.cmk]) {
    const message = `has none of the CMKs of \`${encrypt.cmk}\`: this rule cannot decrypt what it encrypts`
    yield { path: at('cmk'), message }
  }
  if (decrypt.tombstones === 'reject' && encrypt.tombstones === 'pass') {
    yield { path: at('tombstones'), message: `null values are sent, but refused on reading` }
  }
}

function* ofCache({ cache }: CheckedPolicy, { rules }: Estimate): Iterable<Warning> {
  const perDay = rules.reduce(
    (sum, { reading }) => sum + (reading ? Math.max(reading.deks.perDay, reading.deks.sealers) : 0),
    0,
  )
  if (cache.maxDeks < perDay) {
    yield {
      path: 'cache.maxDeks',
      message: `${figure(cache.maxDeks)} is less than the ${figure(perDay)} DEKs of a day: a reader that rereads a day unwraps many of them more than once`,
    }
  }
  if (cache.ttlMs > DAY_MS) {
    yield {
      path: 'cache.ttl',
      message: `readers can go on decrypting for ${timeSpan(cache.ttlMs)} after a CMK is disabled`,
    }
  }
}

function* ofKms(
  { name, vendor, restart }: KmsEstimate,
  { kmsRateLimit }: CheckedPolicy,
  { readers }: Load,
): Iterable<Warning> {
  const billing = billingOf(vendor)
  const { perSecond } = kmsRateLimit.opening
  const { deks } = restart.rereading
  if (billing && readers * Math.min(perSecond, deks) > billing.quota) {
    yield {
      path: 'kmsRateLimit.opening.perSecond',
      message: `${figure(readers)} readers that start together, each with ${figure(perSecond)} calls a second, exceed the ${figure(billing.quota)} that ${VENDORS[vendor].title} allows (${name}): set at most ${figure(Math.floor((10 * billing.quota) / readers) / 10)}`,
    }
  }
}
