import type { DekStore } from '../dek-store/dek-store.js'
import type { EncryptionContext, Kms } from '../kms/kms.js'
import type { ByteSize, Duration } from '../units.js'
import type { Override } from './override.js'
import type { InvalidPolicy, UnreadablePolicy } from './rejection.js'

/*
 * The types of a configuration, for people: TypeScript uses them to check names and units, editors show their docstrings,
 * and `npm run schema` copies the docstrings into the JSON Schema and docs/configuration.md. `schema.ts` is the
 * counterpart for machines.
 */

/**
 * The configuration that `createEncryption` takes. Unknown members are errors.
 *
 * `KmsName`, `CmkName` and `DictionaryName` are the names that `kms`, `cmks` and `dictionaries` define; TypeScript refuses any other name that refers to
 * them. A configuration in a variable of its own keeps its names with `as const satisfies EncryptionConfig`; with the plain type
 * `EncryptionConfig` names are checked at start only.
 */
export interface EncryptionConfig<
  KmsName extends string = string,
  CmkName extends string = string,
  DictionaryName extends string = string,
> {
  /** KMS clients, under names of your choice. The encryption closes them. */
  readonly kms: Readonly<Record<KmsName, Kms>>
  /** Lists of 1 to 5 CMKs, the nearest first, under names of your choice. Encryption wraps each DEK under all CMKs of a list; any one of them can unwrap it. */
  readonly cmks: Readonly<Record<CmkName, readonly CmkRef<NoInfer<KmsName>>[]>>
  /** Every topic that is written or read must match exactly one rule. A topic without a rule is an error. */
  readonly topics: readonly TopicRule<NoInfer<CmkName>, NoInfer<DictionaryName>>[]
  /**
   * Dictionaries for `encrypt.compression`, under names of your choice. All of them serve every `decrypt`. Readers need a
   * dictionary before writers use it, and for as long as they read records that were compressed with it. Default none.
   */
  readonly dictionaries?: Readonly<Record<DictionaryName, Dictionary>>
  /**
   * Lets single records pass that do not open, each signed off by someone, until a stated time. They show in `health()`
   * until they are removed. At most 1,000, default none.
   */
  readonly overrides?: readonly Override[]
  /** The cache of opened DEKs. Default the defaults of its members. */
  readonly cache?: DekCacheConfig
  /**
   * How long one call to a KMS may take, including the wait for its turn and retries, which have the first half of it.
   * Default 20s: twice the default `requestTimeout` of `tencentKms`.
   */
  readonly kmsTimeout?: Duration
  /** How many times a transient failure of a KMS call is retried, after short random pauses, in the first half of `kmsTimeout`. 0 to 5, default 2. */
  readonly kmsRetries?: number
  /** How many calls this process may make to each KMS. Default the defaults of its members. */
  readonly kmsRateLimit?: KmsRateLimits
  /** Keeps ciphertext DEKs across restarts, so that a restart needs no new DEKs. Default none. */
  readonly dekStore?: DekStore
}

/**
 * Separate limits for sealing and opening, for each KMS: a flood of forged envelopes can neither exhaust the
 * account's quota nor stop sealing. A call beyond its limit waits for its turn, first come, first served, but calls for
 * DEKs before calls for secrets, and fails with `KMS_RATE_LIMITED` if its turn would come too late.
 */
export interface KmsRateLimits {
  /** Calls that make and wrap DEKs, and those that encrypt secrets. Default 50 calls a second, bursts of 100. */
  readonly sealing?: RateLimit
  /** Calls that unwrap DEKs, and those that decrypt secrets. Default 100 calls a second, bursts of 300. */
  readonly opening?: RateLimit
}

export interface RateLimit {
  /** Calls per second, averaged over time. 0.1 to 10,000. */
  readonly perSecond?: number
  /** Calls that may start together after a pause. 1 to 100,000. */
  readonly burst?: number
}

/** One CMK in one KMS. */
export interface CmkRef<KmsName extends string = string> {
  /** A name from `kms`. */
  readonly kms: KmsName
  /** The id of the CMK in its KMS. It is written into every envelope. */
  readonly id: string
}

/** 1 to 32,768 bytes. What is most useful stands last. */
export type Dictionary =
  | {
      /** A file that contains it. In code, relative to the folder in which the process runs; in a configuration file, to the folder of that file. */
      readonly file: string
    }
  | {
      /** Its content in base64. */
      readonly base64: string
    }
  | Uint8Array

export interface DekCacheConfig {
  /** How many DEKs are kept; the least recently used DEK is evicted first. 1 to 1,000,000, default 10,000. */
  readonly maxDeks?: number
  /** How long an opened DEK is used before the KMS is asked again. For this long, readers can still decrypt after a CMK is disabled. Default 1h. */
  readonly ttl?: Duration
}

/** A rule either passes values through, or encrypts, decrypts, or does both. */
export type TopicRule<CmkName extends string = string, DictionaryName extends string = never> =
  PassthroughRule | EncryptedTopicRule<CmkName, DictionaryName> | DecryptedTopicRule<CmkName, DictionaryName>

interface TopicMatch {
  /** Its name in events, `rotate()` and `health()`. Default: the first entry of `match`. */
  readonly name?: string
  /** Exact topic names, or globs for the whole name (`*` matches any run of characters). An exact name takes precedence over a glob; two globs must not overlap. */
  readonly match: readonly string[]
}

/** Values pass unchanged, both ways. */
export interface PassthroughRule extends TopicMatch {
  /** Values pass unchanged, both ways. Excludes `encrypt` and `decrypt`. Default false. */
  readonly passthrough: true
}

/** A rule for topics that this process writes, and may read. */
export interface EncryptedTopicRule<
  CmkName extends string = string,
  DictionaryName extends string = never,
> extends TopicMatch {
  readonly passthrough?: false
  /** How producers encrypt. If absent, writing to these topics is an error. */
  readonly encrypt: EncryptRule<CmkName, DictionaryName>
  /** How consumers decrypt. If absent, reading these topics is an error. */
  readonly decrypt?: DecryptRule<CmkName>
}

/** A rule for topics that this process reads, and may write. */
export interface DecryptedTopicRule<
  CmkName extends string = string,
  DictionaryName extends string = never,
> extends TopicMatch {
  readonly passthrough?: false
  readonly encrypt?: EncryptRule<CmkName, DictionaryName>
  readonly decrypt: DecryptRule<CmkName>
}

/** The DEKs of a rule are made and renewed here, or its one DEK was made elsewhere. */
export type EncryptRule<CmkName extends string = string, DictionaryName extends string = never> =
  RenewedEncryptRule<CmkName, DictionaryName> | ProvisionedEncryptRule<CmkName, DictionaryName>

interface EncryptRuleBase<CmkName extends string, DictionaryName extends string> {
  /** A name from `cmks`. */
  readonly cmk: CmkName
  /** Whether a DEK is wrapped under all CMKs of `cmk`, or at least under one, so that sealing goes on while another fails. With `any`, readers that may use only a CMK that failed cannot open these records. Default `all`. */
  readonly sealUnder?: 'all' | 'any'
  /** Encryption context: passed to the KMS, and authenticated in every envelope, where it is visible. Default none. */
  readonly context?: EncryptionContext
  /** Whether the record key is authenticated with the value. Default true. */
  readonly bindKey?: boolean
  /** Names of record headers that are authenticated with the value; at most 32. Default none. */
  readonly bindHeaders?: readonly string[]
  /** Compresses the value before encryption. The length of the ciphertext then leaks information about the content. Small values compress well only with a dictionary. Default `none`. `zstd` needs Node.js 22.15. */
  readonly compression?: 'none' | 'gzip' | 'zstd' | DictionaryCompression<DictionaryName>
  /** One DEK for all topics of the rule, or one for each. Default `rule`. */
  readonly dekScope?: 'rule' | 'topic'
  /** Whether null values are sent (as null, unauthenticated) or refused. Default `pass`. */
  readonly tombstones?: 'pass' | 'reject'
  /** Whether values that are already envelopes are sent unchanged instead of refused. Default false. */
  readonly passSealed?: boolean
  /** The brokers' limit for a record batch (max.message.bytes). Default 1MiB. */
  readonly maxBatchBytes?: ByteSize
  /** How long a send may wait for a DEK, counted from the call to the KMS. Default 30s: more than `kmsTimeout`, less than the usual transaction timeout (60s). */
  readonly dekTimeout?: Duration
}

/** Deflate with a preset dictionary. */
export interface DictionaryCompression<DictionaryName extends string = string> {
  /** A name from `dictionaries`. Every reader needs the dictionary before this process seals with it. */
  readonly dictionary: DictionaryName
}

export interface RenewedEncryptRule<
  CmkName extends string = string,
  DictionaryName extends string = never,
> extends EncryptRuleBase<CmkName, DictionaryName> {
  /** When a DEK stops sealing and the next takes over. Default the defaults of its members. */
  readonly rotate?: RotationConfig
  readonly provisionedDek?: never
}

export interface ProvisionedEncryptRule<
  CmkName extends string = string,
  DictionaryName extends string = never,
> extends EncryptRuleBase<CmkName, DictionaryName> {
  /** When the DEK stops sealing. It has no successor. */
  readonly rotate?: ProvisionedDekLimits
  /**
   * A ciphertext DEK made elsewhere, as `encryption.createProvisionedDek(rule)` returns it. It seals up to its limits and is
   * not renewed: after that, sends fail with `DEK_EXHAUSTED` until the file is replaced. With `dekScope: 'topic'` all topics use it,
   * each in its own session. Excludes `rotate.prefetch` and `rotate.grace`. Default: DEKs are made and renewed here.
   */
  readonly provisionedDek: ProvisionedDek
}

/** When a DEK stops sealing: at whichever limit it reaches first. Limits are exact. */
export interface DekLimits {
  /** Time since the DEK was created. Default 24h. Less than 1m needs `allowFrequentRotation`. */
  readonly maxAge?: Duration
  /** Records sealed. Default and at most 2^32. Less than 1,000 needs `allowFrequentRotation`. */
  readonly maxMessages?: number
  /** Bytes of values sealed, after compression. Default and at most 2^38 (256GiB). Less than 1MiB needs `allowFrequentRotation`. */
  readonly maxBytes?: ByteSize
  /** Confirms that a KMS call every few records is intended. Default false. */
  readonly allowFrequentRotation?: boolean
}

export interface RotationConfig extends DekLimits {
  /**
   * The next DEK is fetched in the background before it is needed, if the current one is in use: half to all of this
   * time before `maxAge`, or at 50 to 80 % of the records or bytes, at random. 0 turns it off. Default a tenth of `maxAge`, at most 10m.
   */
  readonly prefetch?: Duration
  /**
   * How long a DEK that has reached a limit may go on sealing while the KMS fails transiently (unavailable, throttled,
   * slow, invalid answers, no credentials). A denial or a disabled CMK ends it immediately. Never beyond 2^32 records or 2^38 bytes. At most 7d, default 0: sends fail.
   */
  readonly grace?: Duration
}

/** The limits of a DEK that is not renewed. */
export interface ProvisionedDekLimits extends DekLimits {
  readonly prefetch?: never
  readonly grace?: never
}

/** The text, or a file that contains it. */
export type ProvisionedDek =
  | {
      /** The text itself. */
      readonly text: string
    }
  | {
      /** A file that contains it, relative to the folder in which the process runs. */
      readonly file: string
    }

export interface DecryptRule<CmkName extends string = string> {
  /** Names from `cmks`. Only DEKs wrapped under these CMKs are ever unwrapped. */
  readonly cmk: CmkName | readonly CmkName[]
  /** Other topics, exact or with one trailing `*`, for which the records may have been sealed (mirrors, dead letters, copies). Default none. */
  readonly originalTopics?: readonly string[]
  /** Accept DEKs wrapped with a public key. Anyone who has the public key can wrap such DEKs. Default false. */
  readonly acceptPublicKeySealing?: boolean
  /**
   * The data that a record must authenticate in addition to its value; otherwise it is invalid. Named as in `encrypt`.
   * Default the record key.
   */
  readonly require?: Requirements
  /** Whether null values are delivered (as null, unauthenticated) or are invalid. Default `pass`. */
  readonly tombstones?: 'pass' | 'reject'
  /**
   * The action of a wrapped consumer for an invalid record: stop, skip it, or send it to a dead-letter topic. In code,
   * a function may decide for each record. Default `stop`.
   */
  readonly onInvalid?: InvalidPolicy
  /**
   * The action of a wrapped consumer for a record that this reader cannot open, but another might: stop, or send it to
   * a dead-letter topic. `skip` is not allowed. In code, a function may decide for each record. Default `stop`.
   */
  readonly onUnreadable?: UnreadablePolicy
  /**
   * A wrapped consumer stops, whatever `onInvalid` and `onUnreadable` say, once more than this share of the last 1,000
   * records of the rule were invalid or unreadable. A record that is delivered again counts once. 0 to 1, default 0.5.
   */
  readonly maxInvalidShare?: number
  /** Plaintext that is accepted during a migration. Default none. */
  readonly plaintext?: PlaintextRule
  /** Largest value after decompression; `encrypt` of the same rule compresses nothing larger. Default 16MiB. */
  readonly maxDecompressedBytes?: ByteSize
}

/** Each member requires what the member of the same name in `encrypt` provides. */
export interface Requirements {
  /** The record key must be authenticated. Default true, which is an error if `encrypt` of the rule has `bindKey: false`. */
  readonly bindKey?: boolean
  /** Headers that must be authenticated. Default none. */
  readonly bindHeaders?: readonly string[]
  /** Entries that the encryption context must have. Default none. */
  readonly context?: EncryptionContext
}

export interface PlaintextRule {
  /** For each topic and partition, the first offset at which plaintext is an error again: `{ orders: { 0: '1500' } }`. */
  readonly untilOffsets: Readonly<Record<string, Readonly<Record<number, string>>>>
  /** Avro single-object fingerprints (16 hex digits, as on the wire) of your own plaintext. Any other fingerprint after `C3 01` remains an error. Default none. */
  readonly fingerprints?: readonly string[]
}
