import type { DekStore } from '../dek-store/dek-store.js'
import type { EncryptionContext, Kms } from '../kms/kms.js'
import type { InvalidPolicy, UnreadablePolicy } from './rejection.js'

/**
 * Text: a whole number and `ms`, `s`, `m`, `h` or `d`, with at most one space between, for example `'24h'`. Or
 * milliseconds as a number: 0, or from 60,000 on (from 1,000 where seconds are usual), so that `3600` is not taken for an hour.
 */
export type Duration = number | string
/** Text: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`, for example `'1GiB'`. Or bytes as a number. */
export type ByteSize = number | string

/** What `createEncryption` takes. Unknown members are errors. */
export interface EncryptionConfig {
  /** KMS clients by a name of your choice. The owner closes them. */
  readonly kms: Readonly<Record<string, Kms>>
  /** CMKs by a name of your choice: 1 to 5 wrappings each, the nearest first. Sealing wraps under all; any one opens. */
  readonly cmks: Readonly<Record<string, readonly CmkRef[]>>
  /** Every topic that is written or read matches exactly one rule; no rule, no traffic. */
  readonly topics: readonly TopicRule[]
  /** Opened DEKs that a reader keeps. Default the defaults of its members. */
  readonly cache?: DekCacheConfig
  /** How long one call to a KMS may take, further attempts included. Default 10s. */
  readonly kmsTimeout?: Duration
  /** How often a call that fails transiently is made again, after short random pauses. 0 to 5, default 2. */
  readonly kmsRetries?: number
  /** Calls that this process may make to each KMS. Default the defaults of its members. */
  readonly kmsRateLimit?: KmsRateLimits
  /** Where ciphertext DEKs outlive the process, so that restarts do not multiply DEKs. Default nowhere. */
  readonly dekStore?: DekStore
}

/** What a configuration file says: the same without what only code can give, and the version of the file. */
export interface ConfigFile extends Pick<
  EncryptionConfig,
  'cmks' | 'topics' | 'cache' | 'kmsTimeout' | 'kmsRetries' | 'kmsRateLimit'
> {
  /** Where editors find the JSON Schema of the file; ignored. Default none. */
  readonly $schema?: string
  /** The version of configuration files: 1. */
  readonly version: 1
}

/**
 * Separate shares for sealing and opening, for each KMS: a flood of forged envelopes can neither exhaust the
 * account's quota nor stop sealing. A call beyond its share waits its turn, first come, first served, and fails
 * as `KMS_RATE_LIMITED` where its turn would come too late.
 */
export interface KmsRateLimits {
  /** To make and wrap DEKs. Default 50 calls a second, 100 at once. */
  readonly sealing?: RateLimit
  /** To unwrap DEKs. Default 100 calls a second, 300 at once. */
  readonly opening?: RateLimit
}

export interface RateLimit {
  /** Calls a second in the long run. 0.1 to 10,000. */
  readonly perSecond?: number
  /** Calls at once after a pause. 1 to 100,000. */
  readonly burst?: number
}

/** One CMK in one KMS. */
export interface CmkRef {
  /** A name from `kms`. */
  readonly kms: string
  /** The id of the CMK as its KMS knows it; written into every envelope. */
  readonly id: string
}

export interface DekCacheConfig {
  /** DEKs kept at most, least recently used out first. 1 to 1,000,000, default 10,000. */
  readonly maxDeks?: number
  /** How long an opened DEK serves before the KMS is asked again; bounds how long a disabled CMK still reads. Default 1h. */
  readonly ttl?: Duration
}

export interface TopicRule {
  /** Its name in events, `rotate()` and `health()`. Default: the first entry of `match`. */
  readonly name?: string
  /** Exact topic names, or globs over the whole name (`*` is any run of characters). An exact name beats a glob; two globs may not overlap. */
  readonly match: readonly string[]
  /** How producers seal. Absent: writing to these topics is an error. */
  readonly encrypt?: EncryptRule
  /** How consumers open. Absent: reading these topics is an error. */
  readonly decrypt?: DecryptRule
  /** Values pass as they are, both ways. Excludes `encrypt` and `decrypt`. Default false. */
  readonly passthrough?: boolean
}

export interface EncryptRule {
  /** A name from `cmks`. */
  readonly cmk: string
  /** When a DEK stops sealing and the next takes over. Default the defaults of its members. */
  readonly rotate?: RotationConfig
  /** What happens when a DEK has reached a limit and the KMS fails transiently. Default: sends fail. */
  readonly onKmsOutage?: OutageConfig
  /**
   * A ciphertext DEK made elsewhere, as `encryption.createProvisionedDek(rule)` returns it. It seals until its limits and is not
   * renewed: then sends fail as `DEK_EXHAUSTED`, until the file is replaced. Under `dekScope: 'topic'` all topics use it, each
   * in a session of its own. Excludes `prefetch` and `onKmsOutage`. Default: DEKs are made and renewed here.
   */
  readonly provisionedDek?: ProvisionedDek
  /** Encryption context given to the KMS and authenticated in every envelope; visible. Default none. */
  readonly context?: EncryptionContext
  /** Whether the record key is authenticated with the value. Default true. */
  readonly bindKey?: boolean
  /** Names of record headers that are authenticated with the value; at most 32. Default none. */
  readonly bindHeaders?: readonly string[]
  /** Of the value, before sealing. Lengths then tell about content. Default `none`. `zstd` needs Node.js 22.15. */
  readonly compression?: 'none' | 'gzip' | 'zstd'
  /** One DEK for all topics of the rule, or one for each. Default `rule`. */
  readonly dekScope?: 'rule' | 'topic'
  /** Whether null values are sent (as null, unauthenticated) or refused. Default `pass`. */
  readonly tombstones?: 'pass' | 'reject'
  /** Whether values that already are envelopes pass as they are instead of being refused. Default false. */
  readonly forward?: boolean
  /** The brokers' limit for a record batch (max.message.bytes). Default 1MiB. */
  readonly maxBatchBytes?: ByteSize
  /** How long a send may wait for a DEK, from when the KMS is asked for it. Default 30s: below KafkaJS's transaction time-out. */
  readonly dekTimeout?: Duration
}

/** When a DEK stops sealing. Whichever limit is reached first counts; limits hold exactly. */
export interface RotationConfig {
  /** Time since the DEK was made. Default 24h. Under 1m needs `allowFrequentRotation`. */
  readonly maxAge?: Duration
  /** Records sealed. Default and at most 2^32. Under 1,000 needs `allowFrequentRotation`. */
  readonly maxMessages?: number
  /** Bytes of body sealed. Default and at most 2^38 (256GiB). Under 1MiB needs `allowFrequentRotation`. */
  readonly maxBytes?: ByteSize
  /**
   * The next DEK is fetched in the background before it is needed, if the current one was used: half to all of this
   * time before `maxAge`, or at 50 to 80 % of the records or bytes, at random. 0 turns it off. Default a tenth of `maxAge`, at most 10m.
   */
  readonly prefetch?: Duration
  /** Says that a KMS call every few records is meant. Default false. */
  readonly allowFrequentRotation?: boolean
}

export interface OutageConfig {
  /**
   * How long a DEK that has reached a limit may go on sealing while the KMS is unavailable, throttles, times out or gives
   * no valid answer, or its credentials are unavailable. A denial or a disabled CMK ends it at once. Never beyond 2^32 records or 2^38 bytes. At most 7d.
   */
  readonly grace: Duration
}

/** The text itself, or a file that has it. */
export type ProvisionedDek =
  | {
      /** The text itself. */
      readonly text: string
    }
  | {
      /** A file that has it, from the folder in which the process runs. */
      readonly file: string
    }

export interface DecryptRule {
  /** Names from `cmks`: only wrappings under these are ever unwrapped. */
  readonly cmk: string | readonly string[]
  /** Topics, exact or with one trailing `*`, that records read here may have been sealed for besides the topic itself (mirrors, dead letters, copies). Default none. */
  readonly originalTopics?: readonly string[]
  /** Accept DEKs wrapped with a public key, which anyone who has it can do. Default false. */
  readonly acceptPublicKeySealing?: boolean
  /** What a record must have authenticated beside its value, or be invalid. Default a bound key. */
  readonly require?: {
    /** The record key. Default true; an error where `encrypt` of the rule says `bindKey: false`. */
    readonly keyBound?: boolean
    /** Headers that must be bound. Default none. */
    readonly headers?: readonly string[]
    /** Context entries that must be there with these values. Default none. */
    readonly context?: EncryptionContext
    /** Suites accepted. Default all registered: [1]. */
    readonly suites?: readonly number[]
  }
  /** Whether null values are delivered (as null, unauthenticated) or are invalid. Default `pass`. */
  readonly tombstones?: 'pass' | 'reject'
  /**
   * What a wrapped consumer does with an invalid record: stop, skip it, or send it to a topic for dead letters. In code, a
   * function may decide for each record. Default `stop`.
   */
  readonly onInvalid?: InvalidPolicy
  /**
   * What a wrapped consumer does with a record that this reader cannot open, but another might: stop, or send it to a
   * topic for dead letters. There is no `skip`. In code, a function may decide for each record. Default `stop`.
   */
  readonly onUnreadable?: UnreadablePolicy
  /**
   * A wrapped consumer stops, whatever `onInvalid` and `onUnreadable` say, once more than this share of the last 1,000
   * records of the rule were invalid or unreadable. Records that are delivered again do not count again. 0 to 1, default 0.5.
   */
  readonly maxInvalidShare?: number
  /** Plaintext accepted during a migration. Default none. */
  readonly plaintext?: PlaintextRule
  /** Largest value after decompression; `encrypt` of the same rule compresses none that is larger. Default 16MiB. */
  readonly maxDecompressedBytes?: ByteSize
  /** How long a consumer waits in place for a KMS, or for a topic for dead letters, that fails transiently, before KafkaJS restarts it. Default 5m. */
  readonly retryFor?: Duration
}

export interface PlaintextRule {
  /** Per topic and partition, the first offset at which plaintext is an error again: `{ orders: { 0: '1500' } }`. */
  readonly untilOffsets: Readonly<Record<string, Readonly<Record<number, string>>>>
  /** Avro single-object fingerprints (16 hex digits, as on the wire) of your own plaintext. Others behind `C3 01` stay errors. Default none. */
  readonly fingerprints?: readonly string[]
}
