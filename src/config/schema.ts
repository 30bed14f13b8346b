import { types } from 'node:util'
import * as v from 'valibot'
import type { DekStore } from '../dek-store/dek-store.js'
import { CMK_ID } from '../envelope/bounds.js'
import type { Kms } from '../kms/kms.js'
import { MAX_BYTES, MAX_MESSAGES } from '../policy/rotation.js'
import { byteSize, duration } from '../units.js'
import {
  DEFAULT_MAX_AGE,
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PREFETCH_MS,
  MAX_DICTIONARY_BYTES,
} from './defaults.js'
import { overrides } from './override-schema.js'
import type { RejectionHandler } from './rejection.js'
import {
  base64Dictionary,
  context,
  count,
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
 * A configuration for machines: members, patterns, ranges and defaults. Everything else is derived from it: the types
 * in `checked.ts` from its output, and by `npm run schema` the JSON Schema of files and the list of members in
 * docs/configuration.md (with the docstrings of `config.ts` as descriptions). `v.metadata` adds the JSON Schema of
 * checks that only code can make here.
 */

const KIB = 2 ** 10
const SECOND = 1000
const MINUTE = 60_000
const DAY = 86_400_000

const rotate = v.strictObject({
  // Less than a minute needs consent, in any notation.
  maxAge: v.optional(duration(SECOND, 365 * DAY, SECOND), DEFAULT_MAX_AGE),
  maxMessages: v.optional(count(1, MAX_MESSAGES), MAX_MESSAGES),
  maxBytes: v.optional(byteSize(1, MAX_BYTES), '256GiB'),
  prefetch: v.optional(duration(0, 365 * DAY, MINUTE)),
  grace: v.optional(duration(0, 7 * DAY, MINUTE), 0),
  allowFrequentRotation: v.optional(flag, false),
})

const provisionedDek = v.union(
  [v.strictObject({ text: v.string() }), v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) })],
  'expected {text} or {file}',
)

export const encryptSchema = v.pipe(
  v.strictObject({
    cmk: name,
    rotate: v.optional(rotate, {}),
    provisionedDek: v.optional(provisionedDek),
    context: v.optional(context, {}),
    bindKey: v.optional(flag, true),
    bindHeaders: v.optional(headerNames, []),
    compression: v.optional(
      v.union(
        [v.picklist(['none', 'gzip', 'zstd']), v.strictObject({ dictionary: name })],
        "expected 'none', 'gzip', 'zstd' or {dictionary}",
      ),
      'none',
    ),
    sealUnder: v.optional(v.picklist(['all', 'any'], "expected 'all' or 'any'"), 'all'),
    dekScope: v.optional(v.picklist(['rule', 'topic'], "expected 'rule' or 'topic'"), 'rule'),
    tombstones: v.optional(tombstones, 'pass'),
    passSealed: v.optional(flag, false),
    maxBatchBytes: v.optional(byteSize(KIB, 2 ** 31 - 1), '1MiB'),
    dekTimeout: v.optional(duration(1, 3_600_000, SECOND), '30s'),
  }),
  v.metadata({
    if: { required: ['provisionedDek'] },
    then: { properties: { rotate: { properties: { prefetch: false, grace: false } } } },
  }),
  v.transform(({ rotate, provisionedDek, dekTimeout, bindHeaders, ...rule }) => ({
    ...rule,
    provisionedDek,
    /** Strictly ascending by UTF-8 bytes. */
    bindHeaders: bindHeaders.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    rotate: { maxAgeMs: rotate.maxAge, maxMessages: rotate.maxMessages, maxBytes: rotate.maxBytes },
    /** How long before `maxAge` the next DEK is fetched. 0 means never, as for a provisioned DEK. */
    prefetchMs: provisionedDek
      ? 0
      : (rotate.prefetch ?? Math.min(Math.floor(rotate.maxAge / 10), DEFAULT_PREFETCH_MS)),
    /** How long a DEK may go on sealing past a limit during an outage. */
    graceMs: rotate.grace,
    dekTimeoutMs: dekTimeout,
  })),
)

const offset = v.pipe(
  v.string('expected an offset as text, in quotes'),
  v.regex(/^[0-9]{1,19}$/, 'expected an offset as decimal text'),
)
const partition = v.pipe(v.string(), v.regex(/^(?:0|[1-9][0-9]{0,9})$/, 'expected a partition number'))

const deadLetter = v.strictObject({ deadLetter: topicName })
/** Only code can provide it. */
const handler = v.custom<RejectionHandler>((value) => typeof value === 'function')

const requirements = v.strictObject({
  bindKey: v.optional(flag, true),
  bindHeaders: v.optional(headerNames, []),
  context: v.optional(context, {}),
})

const plaintext = v.pipe(
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
  v.transform(({ untilOffsets, fingerprints }) => ({
    fingerprints,
    /** topic → partition → the first offset at which plaintext is an error. */
    untilOffsets: new Map(
      Object.entries(untilOffsets).map(([topic, partitions]) => [
        topic,
        new Map(Object.entries(partitions).map(([partition, offset]) => [Number(partition), BigInt(offset)])),
      ]),
    ),
  })),
)

const decrypt = v.pipe(
  v.strictObject({
    cmk: v.union(
      [name, v.pipe(v.array(name), v.minLength(1, 'expected at least one name'))],
      'expected a name from `cmks`, or a list of them',
    ),
    originalTopics: v.optional(v.array(origin, 'expected a list of topics'), []),
    acceptPublicKeySealing: v.optional(flag, false),
    require: v.optional(requirements, {}),
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
    plaintext: v.optional(plaintext, { untilOffsets: {} }),
    maxDecompressedBytes: v.optional(byteSize(0, 2 ** 31 - 1), DEFAULT_MAX_DECOMPRESSED_BYTES),
  }),
  v.transform(({ cmk, ...rule }) => ({
    ...rule,
    /** Names from `cmks`, in order of preference. */
    cmks: typeof cmk === 'string' ? [cmk] : cmk,
  })),
)

const rule = v.pipe(
  v.strictObject({
    name: v.optional(name),
    match: v.pipe(
      v.array(pattern, 'expected a list of topics'),
      v.minLength(1, 'expected at least one topic'),
    ),
    encrypt: v.optional(encryptSchema),
    decrypt: v.optional(decrypt),
    passthrough: v.optional(flag, false),
  }),
  v.metadata({
    if: { required: ['passthrough'], properties: { passthrough: { const: true } } },
    then: { properties: { encrypt: false, decrypt: false } },
    else: { anyOf: [{ required: ['encrypt'] }, { required: ['decrypt'] }] },
  }),
  v.transform(({ name, encrypt, decrypt, ...rule }) => ({
    ...rule,
    name: name ?? rule.match[0] ?? '',
    encrypt,
    decrypt,
  })),
)

const dekStore = v.custom<DekStore>(
  (value) => hasMethods(value, ['load', 'save', 'remove']),
  'expected a store for ciphertext DEKs, for example fileDekStore({ folder })',
)

const cache = v.pipe(
  v.strictObject({
    maxDeks: v.optional(count(1, 1_000_000), 10_000),
    ttl: v.optional(duration(SECOND, 7 * DAY, MINUTE), '1h'),
  }),
  v.transform(({ maxDeks, ttl }) => ({ maxDeks, ttlMs: ttl })),
)

const rateLimit = (perSecond: number, burst: number) =>
  v.optional(
    v.strictObject({
      perSecond: v.optional(share(0.1, 10_000), perSecond),
      burst: v.optional(count(1, 100_000), burst),
    }),
    {},
  )

const KMS_METHODS = ['describe', 'generateDek', 'wrapDek', 'unwrapDek', 'verify'] as const

const kms = v.custom<Kms>(
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

/** A text is either a path or base64, and often could be both: so it stands under the name of what it is. */
const dictionary = v.pipe(
  v.union(
    [
      v.strictObject({ file: v.pipe(v.string(), v.minLength(1, 'expected the path of a file')) }),
      v.strictObject({ base64: base64Dictionary }),
      v.custom<Uint8Array>(isDictionary),
    ],
    `expected {file} or {base64}, or a Uint8Array, of 1 to ${String(MAX_DICTIONARY_BYTES)} bytes`,
  ),
  // After the union, because a transform in it would hide why its own option does not fit.
  v.transform((given) => {
    if (!('base64' in given)) return 'file' in given ? given : Buffer.from(given)
    return Buffer.from(given.base64, 'base64')
  }),
)

function isDictionary(value: unknown): boolean {
  return types.isUint8Array(value) && value.length >= 1 && value.length <= MAX_DICTIONARY_BYTES
}

/** The members that files and code share. */
const policy = v.strictObject({
  cmks: v.record(
    name,
    v.pipe(
      v.array(cmkRef, 'expected a list of {kms, id}'),
      v.minLength(1, 'expected at least one CMK'),
      v.maxLength(5, 'expected at most 5 CMKs'),
      v.metadata({ uniqueItems: true }),
    ),
    'expected lists of {kms, id} by name',
  ),
  topics: v.pipe(v.array(rule, 'expected a list of rules'), v.minLength(1, 'expected at least one rule')),
  dictionaries: v.optional(v.record(name, dictionary, 'expected dictionaries by name'), {}),
  overrides: v.optional(overrides, []),
  cache: v.optional(cache, {}),
  kmsTimeout: v.optional(duration(1, 600_000, SECOND), '20s'),
  kmsRetries: v.optional(count(0, 5), 2),
  kmsRateLimit: v.optional(v.strictObject({ sealing: rateLimit(50, 100), opening: rateLimit(100, 300) }), {}),
})

function checkedPolicy({
  cmks,
  topics,
  dictionaries,
  overrides,
  cache,
  kmsTimeout,
  kmsRetries,
  kmsRateLimit,
}: v.InferOutput<typeof policy>) {
  return {
    cmks,
    rules: topics,
    dictionaries,
    overrides,
    cache,
    kmsTimeoutMs: kmsTimeout,
    kmsRetries,
    kmsRateLimit,
  }
}

/** The members that only code can provide: objects. */
const fromCode = {
  kms: v.record(name, kms, 'expected an object of KMS clients by name'),
  dekStore: v.optional(dekStore),
}

/** `EncryptionConfig`. */
export const configSchema = v.pipe(
  v.strictObject({ kms: fromCode.kms, ...policy.entries, dekStore: fromCode.dekStore }),
  v.transform(({ kms, dekStore, ...rest }) => ({ ...checkedPolicy(rest), kms, dekStore })),
)

/** Checks what a file says about a KMS. Files know providers, and this folder does not. */
export type KmsInFileSchema = v.GenericSchema

type FileOutput = ReturnType<typeof checkedPolicy> & { readonly kms: Readonly<Record<string, unknown>> }

/** `ConfigFile`. */
export function fileSchema(kmsInFile: KmsInFileSchema): v.GenericSchema<unknown, FileOutput> {
  return v.pipe(
    v.strictObject({
      $schema: v.optional(v.string('expected text')),
      version: v.literal(1, 'expected 1, the version of configuration files that this release reads'),
      kms: v.optional(v.record(name, kmsInFile, 'expected an object of KMSs by name'), {}),
      ...policy.entries,
    }),
    v.transform(({ kms, ...rest }) => ({ ...checkedPolicy(rest), kms })),
  )
}

/** The options of `loadConfig` that belong to the configuration. */
export const fromCodeSchema = v.strictObject(fromCode)
