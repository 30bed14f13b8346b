import type { DekStore } from '../dek-store/dek-store.js'
import type { EncryptionContext, Kms } from '../kms/kms.js'
import type { CmkRef, ProvisionedDek } from './config.js'
import type { InvalidPolicy, UnreadablePolicy } from './rejection.js'
import type { RotationPolicy } from '../policy/rotation.js'

/** What readers decompress where their rule does not say; sealing refuses what is larger. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES: number = 2 ** 24

/** A configuration without mistakes: defaults filled in, units in the names. */
export interface CheckedConfig extends CheckedPolicy {
  readonly kms: Readonly<Record<string, Kms>>
  readonly dekStore: DekStore | undefined
}

/** The part of it that a file can say. */
export interface CheckedPolicy {
  readonly cmks: Readonly<Record<string, readonly CmkRef[]>>
  readonly rules: readonly CheckedRule[]
  readonly cache: { readonly maxDeks: number; readonly ttlMs: number }
  readonly kmsTimeoutMs: number
  readonly kmsRetries: number
  readonly kmsRateLimit: { readonly sealing: Share; readonly opening: Share }
}

/** Calls to a KMS, as a token bucket grants them. */
export interface Share {
  readonly perSecond: number
  readonly burst: number
}

export interface CheckedRule {
  readonly name: string
  readonly match: readonly string[]
  readonly passthrough: boolean
  readonly encrypt: CheckedEncryptRule | undefined
  readonly decrypt: CheckedDecryptRule | undefined
}

export type Compression = 'none' | 'gzip' | 'zstd'

export interface CheckedEncryptRule {
  readonly cmk: string
  readonly rotate: RotationPolicy
  /** How long before `maxAge` the next DEK is fetched; 0 for not at all. */
  readonly prefetchMs: number
  /** How long a DEK may go on past a limit in an outage. */
  readonly graceMs: number
  readonly provisionedDek: ProvisionedDek | undefined
  readonly context: EncryptionContext
  readonly bindKey: boolean
  /** Strictly ascending by UTF-8 bytes. */
  readonly bindHeaders: readonly string[]
  readonly compression: Compression
  readonly dekScope: 'rule' | 'topic'
  readonly tombstones: 'pass' | 'reject'
  readonly forward: boolean
  readonly maxBatchBytes: number
  readonly dekTimeoutMs: number
}

export interface CheckedDecryptRule {
  /** Names from `cmks`, in order of preference. */
  readonly cmks: readonly string[]
  readonly originalTopics: readonly string[]
  readonly acceptPublicKeySealing: boolean
  readonly require: {
    readonly keyBound: boolean
    readonly headers: readonly string[]
    readonly context: EncryptionContext
    readonly suites: readonly number[]
  }
  readonly tombstones: 'pass' | 'reject'
  readonly onInvalid: InvalidPolicy
  readonly onUnreadable: UnreadablePolicy
  readonly maxInvalidShare: number
  readonly plaintext: {
    /** topic → partition → the first offset at which plaintext is an error. */
    readonly untilOffsets: ReadonlyMap<string, ReadonlyMap<number, bigint>>
    readonly fingerprints: readonly string[]
  }
  readonly maxDecompressedBytes: number
  readonly retryForMs: number
}
