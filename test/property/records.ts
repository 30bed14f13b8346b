import * as zlib from 'node:zlib'
import fc from 'fast-check'
import type { RenewedEncryptRule, EncryptedTopicRule } from '../../src/index.js'
import type { HeaderValue, ReadRecord } from '../../src/record/index.js'
import { CANARY } from '../support/emissions.js'

/** Records and rules in all their shapes. */

/** A record before sealing, as the public API takes it. */
export interface Plain {
  readonly topic: string
  readonly value: Buffer | string | null
  readonly key?: Buffer | string | null | undefined
  readonly headers?: Record<string, HeaderValue> | undefined
}

const TOPICS = ['t.a', 't.b'] as const
/** Names that JavaScript objects, byte order and UTF-16 order treat differently. */
const NAMES = ['a', 'b', '9', '10', '__proto__', 'é', '🦄', '｡'] as const

const bytes = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
)

/** Mostly with the canary; around the sizes at which lengths, blocks and buffers of zlib change. */
const value: fc.Arbitrary<Buffer | string> = fc.oneof(
  bytes.map((b) => Buffer.concat([Buffer.from(CANARY), Buffer.from(b as string)])),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => CANARY + text),
  fc.constantFrom('', Buffer.alloc(0)),
  fc
    .constantFrom(1, 15, 16, 17, 63, 64, 8191, 8192, 16_383, 16_384, 16_385, 70_000)
    .map((length) => Buffer.alloc(length, CANARY)),
)

const key = fc.oneof(fc.constantFrom(null, undefined, '', Buffer.alloc(0)), bytes)
const headerValue = fc.oneof(fc.constant(null), bytes)
const header = fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 }))

export const plain: fc.Arbitrary<Plain & { readonly value: Buffer | string }> = fc.record({
  topic: fc.constantFrom(...TOPICS),
  value,
  key,
  headers: fc.option(fc.dictionary(fc.constantFrom(...NAMES, 'other'), header, { noNullPrototype: true }), {
    nil: undefined,
  }),
})

const text = fc.string({ unit: fc.constantFrom(...'ab09._:/@=+-'), minLength: 1, maxLength: 12 })

/** Those that the rules name, and one more. */
export const DICTIONARIES = { known: Buffer.from(`{"value":"${CANARY}"}`), other: Buffer.of(1) }

/** How a rule may seal, its reader requiring what it does. */
export const encryptRule: fc.Arbitrary<Omit<RenewedEncryptRule<string, string>, 'cmk'>> = fc.record({
  bindKey: fc.boolean(),
  bindHeaders: fc
    .subarray([...NAMES])
    .chain((names) => fc.shuffledSubarray(names, { minLength: names.length })),
  compression: fc.constantFrom(
    'none' as const,
    'gzip' as const,
    { dictionary: 'known' },
    ...('zstdCompressSync' in zlib ? ['zstd' as const] : []),
  ),
  context: fc.dictionary(fc.oneof(text, fc.constantFrom('9', '10')), text, {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  dekScope: fc.constantFrom('rule' as const, 'topic' as const),
  rotate: fc.constantFrom(
    {},
    { maxMessages: 1, allowFrequentRotation: true },
    { maxMessages: 3, allowFrequentRotation: true },
  ),
})

/** CMKs that wrap each DEK: one to three. */
export const cmkIds = fc.constantFrom(['one'], ['one', 'two'], ['one', 'two', 'three'])

export function ruleOf(
  encrypt: Omit<RenewedEncryptRule<string, string>, 'cmk'>,
): EncryptedTopicRule<string, string> {
  const { bindKey = true, bindHeaders = [], context = {} } = encrypt
  return {
    match: ['t.*'],
    encrypt: { cmk: 'main', ...encrypt },
    decrypt: { cmk: 'main', require: { bindKey, bindHeaders, context } },
  }
}

/** A record as Kafka gives it back: bytes, a value for a name that occurs once, nothing for one that does not. */
export function asRead({ topic, key: given, headers }: Plain, sealed: Buffer | null): ReadRecord {
  const read = Object.create(null) as Record<string, HeaderValue>
  for (const [name, given] of Object.entries(headers ?? {})) {
    const values = (Array.isArray(given) ? given : [given]) as readonly (Buffer | string | null)[]
    const [first = null] = values
    if (values.length === 1) read[name] = asBytes(first)
    else if (values.length > 1) read[name] = values.map(asBytes)
  }
  return { topic, value: sealed, key: asBytes(given ?? null), headers: read }
}

function asBytes(value: Buffer | string | null): Buffer | null {
  return value === null ? null : Buffer.from(value as string)
}
