import type { ConfigIssue } from '../errors.js'
import { MAX_CONTEXT_BYTES } from '../envelope/bounds.js'
import { parseByteSize, parseDuration } from './quantities.js'
import { DEFAULT_MAX_AGE } from './rotation.js'
import { isGlob, overlap, TopicIndex } from './topics.js'

/*
 * What relates one part of a configuration to another. These checks run on the input as it came, so that
 * they report their mistakes together with those of its shape; where the shape is wrong they stay silent.
 */

const FREQUENT_MESSAGES = 1000
const FREQUENT_BYTES = 2 ** 20

export function relations(config: unknown, hasZstd: boolean): ConfigIssue[] {
  const { kms, cmks, topics } = members(config)
  const rules = list(topics).map(members)
  return [
    ...reserved(members(kms), 'kms'),
    ...reserved(members(cmks), 'cmks'),
    ...cmkRefs(members(cmks), members(kms)),
    ...rules.flatMap((rule, i) => [...ruleRelations(rule, `topics[${String(i)}]`, members(cmks), hasZstd)]),
    ...deadLetterCircles(rules),
    ...uniqueNames(rules),
    ...disjointPatterns(rules),
  ]
}

function* cmkRefs(cmks: Members, kms: Members): Iterable<ConfigIssue> {
  for (const [name, refs] of Object.entries(cmks)) {
    const seen = new Set<string>()
    for (const [i, ref] of list(refs).map(members).entries()) {
      const path = `cmks.${name}[${String(i)}]`
      yield* known(ref['kms'], kms, 'kms', `${path}.kms`)
      const key = JSON.stringify([ref['kms'], ref['id']])
      if (seen.has(key)) yield { path, message: 'this CMK stands in the list already' }
      seen.add(key)
    }
  }
}

function* ruleRelations(rule: Members, path: string, cmks: Members, hasZstd: boolean): Iterable<ConfigIssue> {
  const given = ['encrypt', 'read'].filter((member) => rule[member] !== undefined)
  if (rule['passthrough'] === true && given.length > 0) {
    yield { path, message: `a passthrough rule has no ${given.join(' and no ')}` }
  }
  if (rule['passthrough'] !== true && given.length === 0) {
    yield { path, message: 'expected `encrypt`, `read` or both, or `passthrough: true`' }
  }
  const encrypt = members(rule['encrypt'])
  const read = members(rule['read'])
  yield* reserved(members(encrypt['context']), `${path}.encrypt.context`)
  yield* reserved(members(members(read['require'])['context']), `${path}.read.require.context`)
  yield* reserved(members(members(read['plaintext'])['untilOffsets']), `${path}.read.plaintext.untilOffsets`)
  yield* known(encrypt['cmk'], cmks, 'cmks', `${path}.encrypt.cmk`)
  yield* frequency(members(encrypt['rotate']), `${path}.encrypt.rotate`)
  yield* prefetch(members(encrypt['rotate']), `${path}.encrypt.rotate`)
  yield* deadLetters(read, `${path}.read`)
  if (contextBytes(members(encrypt['context'])) > MAX_CONTEXT_BYTES) {
    yield {
      path: `${path}.encrypt.context`,
      message: `takes more than ${String(MAX_CONTEXT_BYTES)} bytes as encoded`,
    }
  }
  if (encrypt['compression'] === 'zstd' && !hasZstd) {
    yield { path: `${path}.encrypt.compression`, message: 'zstd needs Node.js 22.15 or later' }
  }
  const { cmk } = read
  const names = Array.isArray(cmk) ? list(cmk) : [cmk]
  for (const [i, name] of names.entries()) {
    yield* known(name, cmks, 'cmks', `${path}.read.cmk${Array.isArray(cmk) ? `[${String(i)}]` : ''}`)
  }
}

function* frequency(rotate: Members, path: string): Iterable<ConfigIssue> {
  if (rotate['allowFrequentRotation'] === true) return
  const remedy = 'that is a KMS call every few records; say `allowFrequentRotation: true` if it is meant'
  const { maxMessages } = rotate
  if (typeof maxMessages === 'number' && maxMessages >= 1 && maxMessages < FREQUENT_MESSAGES) {
    yield {
      path: `${path}.maxMessages`,
      message: `${String(maxMessages)} is under ${String(FREQUENT_MESSAGES)}: ${remedy}`,
    }
  }
  const maxBytes = parseByteSize(rotate['maxBytes'])
  if (maxBytes !== undefined && maxBytes >= 1 && maxBytes < FREQUENT_BYTES) {
    yield { path: `${path}.maxBytes`, message: `${String(maxBytes)} bytes are under 1MiB: ${remedy}` }
  }
}

function* prefetch(rotate: Members, path: string): Iterable<ConfigIssue> {
  const maxAgeMs = parseDuration(rotate['maxAge'] ?? DEFAULT_MAX_AGE)
  const prefetchMs = parseDuration(rotate['prefetch'])
  if (maxAgeMs !== undefined && prefetchMs !== undefined && prefetchMs >= maxAgeMs) {
    yield {
      path: `${path}.prefetch`,
      message: 'expected less than `maxAge`: a DEK would be replaced at once',
    }
  }
}

function* deadLetters(read: Members, path: string): Iterable<ConfigIssue> {
  const { onInvalid, deadLetterTopic } = read
  if (onInvalid === 'deadLetter' && deadLetterTopic === undefined) {
    yield { path: `${path}.deadLetterTopic`, message: "missing; `onInvalid: 'deadLetter'` needs it" }
  }
  if (onInvalid !== 'deadLetter' && deadLetterTopic !== undefined) {
    yield { path: `${path}.deadLetterTopic`, message: "is used only with `onInvalid: 'deadLetter'`" }
  }
}

/** Rules may hand on their dead letters to each other, but not in a circle. */
function* deadLetterCircles(rules: readonly Members[]): Iterable<ConfigIssue> {
  const index = new TopicIndex(rules, (rule) =>
    list(rule['match']).filter((pattern) => typeof pattern === 'string'),
  )
  const next = (rule: Members): Members | undefined => {
    const { deadLetterTopic } = members(rule['read'])
    return typeof deadLetterTopic === 'string' ? index.find(deadLetterTopic) : undefined
  }
  for (const [i, rule] of rules.entries()) {
    const seen = new Set<Members>()
    let reader = next(rule)
    while (reader !== undefined && reader !== rule && !seen.has(reader)) {
      seen.add(reader)
      reader = next(reader)
    }
    if (reader !== rule) continue
    const topic = String(members(rule['read'])['deadLetterTopic'])
    yield {
      path: `topics[${String(i)}].read.deadLetterTopic`,
      message:
        seen.size === 0
          ? `"${topic}" is a topic that this rule reads: dead letters would come back for ever`
          : `dead letters of "${topic}" end here again: they would come back for ever`,
    }
  }
}

function* uniqueNames(rules: readonly Members[]): Iterable<ConfigIssue> {
  const seen = new Map<unknown, number>()
  for (const [i, rule] of rules.entries()) {
    const name = rule['name'] ?? list(rule['match'])[0]
    const before = seen.get(name)
    if (before === undefined) seen.set(name, i)
    else if (rule['name'] !== undefined || rules[before]?.['name'] !== undefined) {
      yield { path: `topics[${String(i)}].name`, message: `topics[${String(before)}] has the same name` }
    }
  }
}

function* disjointPatterns(rules: readonly Members[]): Iterable<ConfigIssue> {
  const patterns = rules.flatMap((rule, i) =>
    list(rule['match'])
      .filter((pattern) => typeof pattern === 'string')
      .map((pattern, j) => ({ pattern, rule: i, path: `topics[${String(i)}].match[${String(j)}]` })),
  )
  for (const [n, b] of patterns.entries()) {
    const clash = patterns
      .slice(0, n)
      .find(
        (a) =>
          a.pattern === b.pattern ||
          (a.rule !== b.rule && isGlob(a.pattern) && isGlob(b.pattern) && overlap(a.pattern, b.pattern)),
      )
    if (clash) {
      yield {
        path: b.path,
        message: `"${b.pattern}" and "${clash.pattern}" (${clash.path}) can match the same topic`,
      }
    }
  }
}

/** Names that JavaScript gives a meaning of its own; objects with them are not copied faithfully. */
function* reserved(object: Members, path: string): Iterable<ConfigIssue> {
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    if (Object.hasOwn(object, name))
      yield { path: `${path}.${name}`, message: 'this name cannot be used here' }
  }
}

function* known(name: unknown, among: Members, member: string, path: string): Iterable<ConfigIssue> {
  if (typeof name !== 'string' || Object.hasOwn(among, name)) return
  const names = Object.keys(among)
  yield { path, message: `"${name}" is not in \`${member}\`, which has ${names.join(', ') || 'nothing'}` }
}

/** As the envelope's header encodes it: two bytes of count and end, then each text behind its length. */
function contextBytes(context: Members): number {
  const texts = Object.entries(context)
    .flat()
    .filter((text) => typeof text === 'string')
  const lengths = texts.map((text) => text.length + (text.length < 64 ? 1 : 2))
  const count = texts.length === 0 ? 0 : texts.length / 2 < 64 ? 1 : 2
  return 1 + count + lengths.reduce((sum, length) => sum + length, 0)
}

type Members = Readonly<Record<string, unknown>>

function members(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
