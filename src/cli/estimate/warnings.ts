import type { CheckedPolicy } from '../../config/checked.js'
import { cacheWarnings, ruleWarnings, type PolicyWarning } from '../../config/warnings.js'
import type { Load } from './dek-counts.js'
import type { Estimate, KmsEstimate, RuleEstimate } from './estimate.js'
import { figure } from './format-units.js'
import { billingOf, VENDORS } from './kms-pricing.js'

/** Something that is valid and probably not intended. */
export interface Warning {
  readonly path: string
  readonly message: string
}

/** For one rule. Each reader that starts unwraps all of them. */
const MANY_DEKS_PER_DAY = 10_000

export function warnings(policy: CheckedPolicy, load: Load, estimated: Estimate): Warning[] {
  return [
    ...estimated.rules.flatMap((rule) => [
      ...ofSealing(rule, policy, load),
      ...[...ruleWarnings(rule.rule, rule.path, policy)].map(asWarning),
      ...ofBoth(rule, policy),
    ]),
    ...ofCache(policy, estimated),
    ...[...cacheWarnings(policy)].map(asWarning),
    ...estimated.kmses.flatMap((kms) => [...ofKms(kms, policy, load)]),
  ]
}

function asWarning({ path, what, remedy }: PolicyWarning): Warning {
  return { path, message: `${what}; ${remedy}` }
}

function* ofSealing(
  { rule, path, sealing }: RuleEstimate,
  policy: CheckedPolicy,
  load: Load,
): Iterable<Warning> {
  const { encrypt } = rule
  if (!encrypt || !sealing) return
  const at = (member: string): string => `${path}.encrypt.${member}`
  const { deks, overhead } = sealing
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
  const largest = Math.max(...overhead.map(({ bytes }) => bytes)) + load.recordBytes
  if (largest > encrypt.maxBatchBytes) {
    yield {
      path: at('maxBatchBytes'),
      message: `a record of ${figure(load.recordBytes)} bytes takes ${figure(largest)} bytes encrypted and cannot be sent`,
    }
  }
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
