import * as v from 'valibot'
import { CMK_ID } from '../envelope/bounds.js'
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from './checked.js'
import type { DekStore } from '../dek-store/dek-store.js'
import type { RejectionHandler } from './rejection.js'
import { DEFAULT_MAX_AGE, DEFAULT_MAX_BYTES, MAX_BYTES, MAX_MESSAGES } from '../policy/rotation.js'
import {
  byteSize,
  context,
  count,
  duration,
  flag,
  headerNames,
  name,
  origin,
  pattern,
  share,
  tombstones,
  topicName,
} from './scalars.js'

/*
 * The shape of a configuration: types, patterns, ranges, defaults. `check.ts` adds what relates one part to
 * another, and what Valibot lets pass. `npm run schema` writes the JSON Schema of files from it.
 */

const KIB = 2 ** 10
const SECOND = 1000
const MINUTE = 60_000
const DAY = 86_400_000

const rotate = v.strictObject({
  // Under a minute it needs consent, however it is written.
  maxAge: v.optional(duration(SECOND, 365 * DAY, SECOND), DEFAULT_MAX_AGE),
  maxMessages: v.optional(count(1, MAX_MESSAGES), MAX_MESSAGES),
  maxBytes: v.optional(byteSize(1, MAX_BYTES), DEFAULT_MAX_BYTES),
  prefetch: v.optional(duration(0, 365 * DAY, MINUTE)),
  allowFrequentRotation: v.optional(flag, false),
})

const provisionedDek = v.union(
  [v.strictObject({ text: v.string() }), v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) })],
  'expected {text} or {file}',
)

const encrypt = v.strictObject({
  cmk: name,
  rotate: v.optional(rotate, {}),
  onKmsOutage: v.optional(v.strictObject({ grace: duration(0, 7 * DAY, MINUTE) }), { grace: 0 }),
  provisionedDek: v.optional(provisionedDek),
  context: v.optional(context, {}),
  bindKey: v.optional(flag, true),
  bindHeaders: v.optional(headerNames, []),
  compression: v.optional(v.picklist(['none', 'gzip', 'zstd'], "expected 'none', 'gzip' or 'zstd'"), 'none'),
  dekScope: v.optional(v.picklist(['rule', 'topic'], "expected 'rule' or 'topic'"), 'rule'),
  tombstones: v.optional(tombstones, 'pass'),
  forward: v.optional(flag, false),
  maxBatchBytes: v.optional(byteSize(KIB, 2 ** 31 - 1), '1MiB'),
  dekTimeout: v.optional(duration(1, 3_600_000, SECOND), '30s'),
})

const offset = v.pipe(
  v.string('expected an offset as text, in quotes'),
  v.regex(/^[0-9]{1,19}$/, 'expected an offset as decimal text'),
)
const partition = v.pipe(v.string(), v.regex(/^(?:0|[1-9][0-9]{0,9})$/, 'expected a partition number'))

const deadLetter = v.strictObject({ deadLetter: topicName })
/** No file can say it. */
const handler = v.custom<RejectionHandler>((value) => typeof value === 'function')

const decrypt = v.strictObject({
  cmk: v.union(
    [name, v.pipe(v.array(name), v.minLength(1, 'expected at least one name'))],
    'expected a name from `cmks`, or a list of them',
  ),
  originalTopics: v.optional(v.array(origin, 'expected a list of topics'), []),
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
    v.union(
      [v.picklist(['stop', 'skip']), deadLetter, handler],
      "expected 'stop', 'skip', {deadLetter} or, in code, a function",
    ),
    'stop',
  ),
  onUnreadable: v.optional(
    v.union(
      [v.picklist(['stop']), deadLetter, handler],
      "expected 'stop', {deadLetter} or, in code, a function (not 'skip': another reader may be able to open the record)",
    ),
    'stop',
  ),
  maxInvalidShare: v.optional(share(0, 1), 0.5),
  plaintext: v.optional(
    v.strictObject({
      untilOffsets: v.record(
        topicName,
        v.record(partition, offset, 'expected offsets by partition'),
        'expected offsets by topic and partition',
      ),
      fingerprints: v.optional(
        v.array(
          v.pipe(
            v.string('expected 16 lower-case hex digits'),
            v.regex(/^[0-9a-f]{16}$/, 'expected 16 lower-case hex digits'),
          ),
          'expected a list of fingerprints',
        ),
        [],
      ),
    }),
    { untilOffsets: {} },
  ),
  maxDecompressedBytes: v.optional(byteSize(0, 2 ** 31 - 1), DEFAULT_MAX_DECOMPRESSED_BYTES),
  retryFor: v.optional(duration(0, DAY, MINUTE), '5m'),
})

const rule = v.strictObject({
  name: v.optional(name),
  match: v.pipe(v.array(pattern, 'expected a list of topics'), v.minLength(1, 'expected at least one topic')),
  encrypt: v.optional(encrypt),
  decrypt: v.optional(decrypt),
  passthrough: v.optional(flag, false),
})

const dekStore = v.custom<DekStore>(
  (value) => hasMethods(value, ['load', 'save', 'remove']),
  'expected a store for ciphertext DEKs, for example fileDekStore({ folder })',
)

const budgetShare = (perSecond: number, burst: number) =>
  v.optional(
    v.strictObject({
      perSecond: v.optional(share(0.1, 10_000), perSecond),
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

/** What files and code say alike. */
const shared = {
  cmks: v.record(
    name,
    v.pipe(
      v.array(cmkRef, 'expected a list of {kms, id}'),
      v.minLength(1, 'expected at least one CMK'),
      v.maxLength(5, 'expected at most 5 CMKs'),
    ),
    'expected lists of {kms, id} by name',
  ),
  topics: v.pipe(v.array(rule, 'expected a list of rules'), v.minLength(1, 'expected at least one rule')),
  cache: v.optional(
    v.strictObject({
      maxDeks: v.optional(count(1, 1_000_000), 10_000),
      ttl: v.optional(duration(SECOND, 7 * DAY, MINUTE), '1h'),
    }),
    {},
  ),
  kmsTimeout: v.optional(duration(1, 600_000, SECOND), '10s'),
  kmsRetries: v.optional(count(0, 5), 2),
  kmsRateLimit: v.optional(
    v.strictObject({ sealing: budgetShare(50, 100), opening: budgetShare(100, 300) }),
    {},
  ),
}

/** What only code can say: objects. */
const fromCode = {
  kms: v.record(name, kms, 'expected KMSs by name'),
  dekStore: v.optional(dekStore),
}

/** `EncryptionConfig`. */
export const configSchema = v.strictObject({ kms: fromCode.kms, ...shared, dekStore: fromCode.dekStore })

/** `ConfigFile`. */
export const fileSchema = v.strictObject({
  $schema: v.optional(v.string('expected text')),
  version: v.literal(1, 'expected 1, the version of configuration files that this release reads'),
  ...shared,
})

/** What `loadConfig` takes beside the file. */
export const fromCodeSchema = v.strictObject(fromCode)

export type ParsedFile = v.InferOutput<typeof fileSchema>
export type ParsedRule = ParsedFile['topics'][number]
