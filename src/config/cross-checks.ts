import type { ConfigIssue } from '../errors.js'
import { asArray, asRecord, type UnknownRecord } from './untyped.js'
import { ONE_RULE } from './one-rule.js'
import { OVERRIDE_CHECKS } from './override-checks.js'
import { child, type Show } from './paths.js'
import { parseByteSize, parseDuration } from '../units.js'
import { REJECTION_POLICIES } from './rejection.js'
import { table, textsOf, type CrossCheckInput, type RuleAt } from './cross-check-input.js'
import { DEFAULT_MAX_AGE } from './defaults.js'
import { SEALED_AND_REQUIRED } from './sealed-and-required.js'
import { TopicIndex } from '../policy/topics.js'

/*
 * Checks that relate one part of a configuration to another. They run on the unchecked input, so that their mistakes are
 * reported together with those of the schema. They ignore parts that do not have the expected type.
 */

/** A limit below these needs consent. */
const FREQUENT_MESSAGES = 1000
const FREQUENT_BYTES = 2 ** 20
const FREQUENT_AGE_MS = 60_000

/** Each check is named after the condition that must hold. */
export const CROSS_CHECKS = table({
  'every KMS that a CMK names exists': function* ({ cmks, kms, show }) {
    for (const { ref, path } of refsOf(cmks)) {
      yield* known(ref['kms'], kms, 'kms', `${path}.kms`, show)
    }
  },
  'a list has no duplicate CMK': function* ({ cmks }) {
    const seen = new Set<string>()
    for (const { ref, path, name } of refsOf(cmks)) {
      const key = JSON.stringify([name, ref['kms'], ref['id']])
      if (seen.has(key)) yield { path, message: 'duplicate CMK' }
      seen.add(key)
    }
  },
  'every CMK that a rule names exists': function* ({ rules, cmks, show }) {
    for (const { rule, path } of rules) {
      yield* known(asRecord(rule['encrypt'])['cmk'], cmks, 'cmks', `${path}.encrypt.cmk`, show)
      const { cmk } = asRecord(rule['decrypt'])
      const at = `${path}.decrypt.cmk`
      if (!Array.isArray(cmk)) yield* known(cmk, cmks, 'cmks', at, show)
      for (const [i, name] of asArray(cmk).entries()) yield* known(name, cmks, 'cmks', child(at, i), show)
    }
  },
  'every dictionary that a rule names exists': function* ({ rules, dictionaries, show }) {
    for (const { rule, path } of rules) {
      const { dictionary } = asRecord(asRecord(rule['encrypt'])['compression'])
      yield* known(dictionary, dictionaries, 'dictionaries', `${path}.encrypt.compression.dictionary`, show)
    }
  },
  'a decrypt rule names no CMK twice': function* ({ rules, cmks, show }) {
    for (const { rule, path } of rules) {
      const seen = new Map<string, string>()
      for (const [i, name] of asArray(asRecord(rule['decrypt'])['cmk']).entries()) {
        if (typeof name !== 'string' || !Object.hasOwn(cmks, name)) continue
        const refs = asArray(cmks[name]).map((ref) => asRecord(ref))
        const keys = refs.map(({ kms: of, id }) => JSON.stringify([of, id]))
        const twice = keys.map((key) => seen.get(key)).find((before) => before !== undefined)
        if (twice !== undefined) {
          const at = child(`${path}.decrypt.cmk`, i)
          const message = `${show(at, name)} and ${show(at, twice)} contain the same CMK: use lists that contain each CMK once`
          yield { path: at, message }
        }
        for (const key of keys) seen.set(key, name)
      }
    }
  },
  'a passthrough rule does nothing else': function* ({ rules }) {
    for (const { rule, path } of rules) {
      const given = directionsOf(rule)
      if (rule['passthrough'] === true && given.length > 0) {
        yield { path, message: `a passthrough rule cannot have ${given.join(' or ')}` }
      }
    }
  },
  'a rule does something': function* ({ rules }) {
    for (const { rule, path } of rules) {
      if (rule['passthrough'] !== true && directionsOf(rule).length === 0) {
        yield { path, message: 'expected `encrypt`, `decrypt` or both, or `passthrough: true`' }
      }
    }
  },
  'frequent rotation is confirmed': function* ({ rules, show }) {
    const consent = 'set `allowFrequentRotation: true` if that is intended'
    const remedy = `which means a KMS call every few records; ${consent}`
    for (const { rotate, path } of rotations(rules)) {
      if (rotate['allowFrequentRotation'] === true) continue
      const { maxAge, maxMessages, maxBytes } = rotate
      const ageMs = parseDuration(maxAge)
      if (ageMs !== undefined && ageMs >= 1000 && ageMs < FREQUENT_AGE_MS) {
        const at = `${path}.maxAge`
        const given = `${show(at, maxAge)}${typeof maxAge === 'number' ? ' milliseconds' : ''}`
        yield {
          path: at,
          message: `${given} is less than a minute, which means a KMS call every few seconds; ${consent}`,
        }
      }
      if (typeof maxMessages === 'number' && maxMessages >= 1 && maxMessages < FREQUENT_MESSAGES) {
        const message = `${String(maxMessages)} is less than ${String(FREQUENT_MESSAGES)}, ${remedy}`
        yield { path: `${path}.maxMessages`, message }
      }
      const bytes = parseByteSize(maxBytes)
      if (bytes !== undefined && bytes >= 1 && bytes < FREQUENT_BYTES) {
        const at = `${path}.maxBytes`
        yield { path: at, message: `${show(at, maxBytes)} is less than 1MiB, ${remedy}` }
      }
    }
  },
  'prefetch is less than maxAge': function* ({ rules }) {
    for (const { rotate, path } of rotations(rules)) {
      const maxAgeMs = parseDuration(rotate['maxAge'] ?? DEFAULT_MAX_AGE)
      const prefetchMs = parseDuration(rotate['prefetch'])
      if (maxAgeMs !== undefined && prefetchMs !== undefined && prefetchMs >= maxAgeMs) {
        const message = 'expected less than `maxAge`; otherwise every DEK would be replaced immediately'
        yield { path: `${path}.prefetch`, message }
      }
    }
  },
  'a provisioned DEK is not renewed': function* ({ rules }) {
    const message = 'has no effect with `provisionedDek`, which is not renewed'
    for (const { rule, path } of rules) {
      const encrypt = asRecord(rule['encrypt'])
      if (encrypt['provisionedDek'] === undefined) continue
      for (const member of ['prefetch', 'grace']) {
        if (asRecord(encrypt['rotate'])[member] === undefined) continue
        yield { path: `${path}.encrypt.rotate.${member}`, message }
      }
    }
  },
  'sealing under any CMK has several to choose from': function* ({ rules, cmks }) {
    for (const { rule, path } of rules) {
      const { sealUnder, cmk } = asRecord(rule['encrypt'])
      if (sealUnder !== 'any' || typeof cmk !== 'string' || !Object.hasOwn(cmks, cmk)) continue
      if (asArray(cmks[cmk]).length === 1)
        yield { path: `${path}.encrypt.sealUnder`, message: `has no effect, because cmks.${cmk} has one CMK` }
    }
  },
  'dead letters do not come back': function* ({ rules, overrides, show }) {
    const index = new TopicIndex(rules, ({ rule }) => textsOf(rule['match']))
    const deadLettersOf = (rule: RuleAt): DeadLettersAt[] => [
      ...deadLettersOfRule(rule),
      ...overrides.flatMap(({ override, path }) =>
        index.find(String(override['topic'])) === rule
          ? deadLettersTo(override['action'], `${path}.action`)
          : [],
      ),
    ]
    const next = (rule: RuleAt): RuleAt[] =>
      deadLettersOf(rule).flatMap(({ topic }) => {
        const reader = index.find(topic)
        return reader === undefined ? [] : [reader]
      })
    for (const rule of rules) {
      for (const { topic, path } of deadLettersOf(rule)) {
        // Rules may pass dead letters on to each other, but not in a circle.
        const first = index.find(topic)
        const seen = new Set(first === undefined ? [] : [first])
        for (const reader of seen) for (const further of next(reader)) seen.add(further)
        if (!seen.has(rule)) continue
        const message =
          first === rule
            ? `${show(path, topic)} is read by this rule: dead letters would loop forever`
            : `dead letters sent to ${show(path, topic)} come back to this rule: they would loop forever`
        yield { path, message }
      }
    }
  },
  ...SEALED_AND_REQUIRED,
  'zstd is used only on a Node.js that has it': function* ({ rules, hasZstd }) {
    for (const { rule, path } of rules) {
      if (asRecord(rule['encrypt'])['compression'] !== 'zstd' || hasZstd) continue
      yield { path: `${path}.encrypt.compression`, message: 'zstd needs Node.js 22.15 or later' }
    }
  },
  'names of rules are unique': function* ({ rules }) {
    const seen = new Map<unknown, RuleAt>()
    for (const each of rules) {
      const name = each.rule['name'] ?? asArray(each.rule['match'])[0]
      const before = seen.get(name)
      if (before === undefined) seen.set(name, each)
      else if (each.rule['name'] !== undefined || before.rule['name'] !== undefined) {
        yield { path: `${each.path}.name`, message: `${before.path} has the same name` }
      }
    }
  },
  ...ONE_RULE,
  ...OVERRIDE_CHECKS,
})

export type CrossCheckName = keyof typeof CROSS_CHECKS

/** What a configuration is checked against, beside itself. */
export interface CheckedAgainst {
  readonly hasZstd: boolean
  /** In ms since 1970. */
  readonly nowMs: number
}

/** The mistakes that the given cross-checks find; default all cross-checks. */
export function crossChecks(
  config: unknown,
  against: CheckedAgainst,
  show: Show,
  names: readonly CrossCheckName[] = Object.keys(CROSS_CHECKS) as CrossCheckName[],
): ConfigIssue[] {
  const { kms, cmks, dictionaries, topics, overrides } = asRecord(config)
  const rules = asArray(topics).map((rule, i) => ({ rule: asRecord(rule), path: child('topics', i) }))
  const related = {
    kms: asRecord(kms),
    cmks: asRecord(cmks),
    dictionaries: asRecord(dictionaries),
    rules,
    overrides: asArray(overrides).map((each, i) => ({
      override: asRecord(each),
      path: child('overrides', i),
    })),
    ...against,
    show,
  }
  return names.flatMap((name) => [...CROSS_CHECKS[name](related)])
}

function refsOf(cmks: UnknownRecord): { name: string; ref: UnknownRecord; path: string }[] {
  return Object.entries(cmks).flatMap(([name, refs]) =>
    asArray(refs).map((ref, i) => ({ name, ref: asRecord(ref), path: child(child('cmks', name), i) })),
  )
}

function rotations(rules: CrossCheckInput['rules']): { rotate: UnknownRecord; path: string }[] {
  return rules.map(({ rule, path }) => ({
    rotate: asRecord(asRecord(rule['encrypt'])['rotate']),
    path: `${path}.encrypt.rotate`,
  }))
}

function directionsOf(rule: UnknownRecord): string[] {
  return ['encrypt', 'decrypt'].filter((member) => rule[member] !== undefined)
}

function* known(
  name: unknown,
  among: UnknownRecord,
  member: string,
  path: string,
  show: Show,
): Iterable<ConfigIssue> {
  if (typeof name !== 'string' || Object.hasOwn(among, name)) return
  const names = Object.keys(among)
  yield {
    path,
    message: `${show(path, name)} is not in \`${member}\`, which has ${names.join(', ') || 'nothing'}`,
  }
}

/** A dead-letter topic, and the place that names it. */
interface DeadLettersAt {
  readonly topic: string
  readonly path: string
}

function deadLettersOfRule({ rule, path }: RuleAt): DeadLettersAt[] {
  const decrypt = asRecord(rule['decrypt'])
  return REJECTION_POLICIES.flatMap((member) => deadLettersTo(decrypt[member], `${path}.decrypt.${member}`))
}

function deadLettersTo(action: unknown, path: string): DeadLettersAt[] {
  const { deadLetter } = asRecord(action)
  return typeof deadLetter === 'string' ? [{ topic: deadLetter, path: `${path}.deadLetter` }] : []
}
