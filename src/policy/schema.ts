import * as v from 'valibot'
import { CMK_ID, CONTEXT_TEXT, MAX_BOUND_HEADERS, MAX_BOUND_HEADER_BYTES, TOPIC } from '../envelope/bounds.js'
import type { DekStore } from '../dek-store/dek-store.js'
import { parseByteSize, parseDuration } from './quantities.js'
import { DEFAULT_MAX_AGE, MAX_BYTES, MAX_MESSAGES } from './rotation.js'

/** The shape of a configuration: types, patterns, ranges, defaults. `check.ts` adds what relates one part to another. */

const KIB = 2 ** 10
const MIB = 2 ** 20
const SECOND = 1000
const DAY = 86_400_000

const duration = (min: number, max: number) =>
  quantity(parseDuration, min, max, 'a duration such as 500, "30s" or "24h"', 'ms')
const byteSize = (min: number, max: number) =>
  quantity(parseByteSize, min, max, 'a size such as 65536, "64KiB" or "1GiB"', 'bytes')

function quantity(
  parse: (value: unknown) => number | undefined,
  min: number,
  max: number,
  expected: string,
  unit: string,
) {
  return v.pipe(
    v.union([v.number(), v.string()], `expected ${expected}`),
    v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
      const parsed = parse(dataset.value)
      if (parsed === undefined) {
        addIssue({ message: `expected ${expected}` })
        return NEVER
      }
      if (parsed < min || parsed > max) {
        addIssue({ message: `expected ${String(min)} to ${String(max)} ${unit}` })
        return NEVER
      }
      return parsed
    }),
  )
}

const count = (min: number, max: number) =>
  v.pipe(
    v.number('expected a number'),
    v.check(
      (n) => Number.isInteger(n) && n >= min && n <= max,
      `expected a whole number from ${String(min)} to ${String(max)}`,
    ),
  )

const name = v.pipe(
  v.string('expected a name'),
  v.regex(/^[\w.:*/-]{1,256}$/, 'expected 1 to 256 of A-Z a-z 0-9 _ . : * / -'),
)
const pattern = v.pipe(
  v.string('expected a topic name or glob'),
  v.regex(/^[A-Za-z0-9._*-]{1,249}$/, 'expected a topic name or glob: 1 to 249 of A-Z a-z 0-9 . _ - *'),
)
const origin = v.pipe(
  v.string('expected a topic name'),
  v.regex(
    /^[A-Za-z0-9._-]{1,249}$|^[A-Za-z0-9._-]{0,248}\*$/,
    'expected a topic name, or a prefix and one trailing *',
  ),
)
const contextText = v.pipe(
  v.string('expected text'),
  v.regex(CONTEXT_TEXT.pattern, 'expected 1 to 128 of A-Z a-z 0-9 . _ : / @ = + -'),
)
const context = v.record(contextText, contextText)
const headerName = v.pipe(
  v.string('expected the name of a header'),
  v.check(
    (text) => text.isWellFormed() && text !== '' && Buffer.byteLength(text) <= MAX_BOUND_HEADER_BYTES,
    `expected 1 to ${String(MAX_BOUND_HEADER_BYTES)} bytes of well-formed text`,
  ),
)
const headerNames = v.pipe(
  v.array(headerName, 'expected a list of header names'),
  v.maxLength(MAX_BOUND_HEADERS, `expected at most ${String(MAX_BOUND_HEADERS)} names`),
  v.check((names) => new Set(names).size === names.length, 'a name stands there twice'),
)
const flag = v.boolean('expected true or false')
const tombstones = v.picklist(['pass', 'reject'], "expected 'pass' or 'reject'")

const rotate = v.strictObject({
  maxAge: v.optional(duration(SECOND, 365 * DAY), DEFAULT_MAX_AGE),
  maxMessages: v.optional(count(1, MAX_MESSAGES), MAX_MESSAGES),
  maxBytes: v.optional(byteSize(1, MAX_BYTES), MAX_BYTES),
  prefetch: v.optional(duration(0, 365 * DAY)),
  allowFrequentRotation: v.optional(flag, false),
})

const provisionedDek = v.union(
  [v.strictObject({ text: v.string() }), v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) })],
  'expected {text} or {file}',
)

const encrypt = v.strictObject({
  cmk: name,
  rotate: v.optional(rotate, {}),
  onKmsOutage: v.optional(v.strictObject({ grace: duration(0, 7 * DAY) }), { grace: 0 }),
  provisionedDek: v.optional(provisionedDek),
  context: v.optional(context, {}),
  bindKey: v.optional(flag, true),
  bindHeaders: v.optional(headerNames, []),
  compression: v.optional(v.picklist(['none', 'gzip', 'zstd'], "expected 'none', 'gzip' or 'zstd'"), 'none'),
  dekScope: v.optional(v.picklist(['rule', 'topic'], "expected 'rule' or 'topic'"), 'rule'),
  tombstones: v.optional(tombstones, 'pass'),
  forward: v.optional(flag, false),
  maxBatchBytes: v.optional(byteSize(KIB, 2 ** 31 - 1), MIB),
  keyWait: v.optional(duration(1, 3_600_000), '30s'),
})

const offset = v.pipe(
  v.string('expected an offset as text'),
  v.regex(/^\d{1,19}$/, 'expected an offset as decimal text'),
)
const partition = v.pipe(v.string(), v.regex(/^\d{1,10}$/, 'expected a partition number'))
const topicName = v.pipe(v.string(), v.regex(TOPIC.pattern, 'expected a topic name'))

const read = v.strictObject({
  cmk: v.union(
    [name, v.pipe(v.array(name), v.minLength(1, 'expected at least one name'))],
    'expected a name from `cmks`, or a list of them',
  ),
  sealedFor: v.optional(v.array(origin, 'expected a list of topics'), []),
  acceptPublicKeySealing: v.optional(flag, false),
  require: v.optional(
    v.strictObject({
      keyBound: v.optional(flag, true),
      headers: v.optional(headerNames, []),
      context: v.optional(context, {}),
      suites: v.optional(
        v.pipe(
          v.array(v.picklist([1], 'expected a registered suite: 1'), 'expected a list of suite numbers'),
          v.minLength(1, 'expected at least one suite'),
        ),
        [1],
      ),
    }),
    {},
  ),
  tombstones: v.optional(tombstones, 'pass'),
  onInvalid: v.optional(
    v.picklist(['stop', 'skip', 'deadLetter'], "expected 'stop', 'skip' or 'deadLetter'"),
    'stop',
  ),
  deadLetterTopic: v.optional(
    v.pipe(v.string('expected a topic name'), v.regex(TOPIC.pattern, 'expected a topic name')),
  ),
  maxInvalidShare: v.optional(
    v.pipe(v.number('expected a number'), v.minValue(0, 'expected 0 to 1'), v.maxValue(1, 'expected 0 to 1')),
    0.5,
  ),
  plaintext: v.optional(
    v.strictObject({
      untilOffsets: v.record(topicName, v.record(partition, offset)),
      fingerprints: v.optional(
        v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits'))),
        [],
      ),
    }),
    { untilOffsets: {} },
  ),
  maxDecompressedBytes: v.optional(byteSize(0, 2 ** 31 - 1), 16 * MIB),
  kmsWait: v.optional(duration(0, DAY), '5m'),
})

const rule = v.strictObject({
  name: v.optional(name),
  match: v.pipe(v.array(pattern, 'expected a list of topics'), v.minLength(1, 'expected at least one topic')),
  encrypt: v.optional(encrypt),
  read: v.optional(read),
  passthrough: v.optional(flag, false),
})

const dekStore = v.custom<DekStore>(
  (value) => hasMethods(value, ['load', 'save', 'remove']),
  'expected a store for ciphertext DEKs, for example fileDekStore({ folder })',
)

const share = (perSecond: number, burst: number) =>
  v.optional(
    v.strictObject({
      perSecond: v.optional(
        v.pipe(
          v.number('expected a number'),
          v.minValue(0.1, 'expected 0.1 to 10000'),
          v.maxValue(10_000, 'expected 0.1 to 10000'),
        ),
        perSecond,
      ),
      burst: v.optional(count(1, 100_000), burst),
    }),
    {},
  )

const KMS_METHODS = ['describe', 'generateDek', 'wrapDek', 'unwrapDek', 'verify'] as const

const kms = v.custom<object>(
  (value) => hasMethods(value, KMS_METHODS),
  'expected a KMS, for example localKms({ keyring })',
)

function hasMethods(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
  )
}

const cmkRef = v.strictObject({
  kms: name,
  id: v.pipe(
    v.string('expected the id of a CMK'),
    v.regex(CMK_ID.pattern, 'expected 1 to 256 visible ASCII characters'),
  ),
})

export const configSchema = v.strictObject({
  kms: v.record(name, kms),
  cmks: v.record(
    name,
    v.pipe(
      v.array(cmkRef, 'expected a list of {kms, id}'),
      v.minLength(1, 'expected at least one CMK'),
      v.maxLength(5, 'expected at most 5 CMKs'),
    ),
  ),
  topics: v.pipe(v.array(rule, 'expected a list of rules'), v.minLength(1, 'expected at least one rule')),
  cache: v.optional(
    v.strictObject({
      maxDeks: v.optional(count(1, 1_000_000), 10_000),
      ttl: v.optional(duration(SECOND, 7 * DAY), '1h'),
    }),
    {},
  ),
  kmsTimeout: v.optional(duration(1, 600_000), '10s'),
  kmsRetries: v.optional(count(0, 5), 2),
  kmsBudget: v.optional(v.strictObject({ sealing: share(100, 300), opening: share(200, 500) }), {}),
  dekStore: v.optional(dekStore),
})

export type ParsedConfig = v.InferOutput<typeof configSchema>
export type ParsedRule = ParsedConfig['topics'][number]
