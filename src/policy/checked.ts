import type { EncryptionContext, Kms } from '../kms/kms.js'
import type { CmkRef } from './config.js'
import type { RotationPolicy } from './rotation.js'

/** A configuration without mistakes: defaults filled in, units in the names. */
export interface CheckedConfig {
  readonly kms: Readonly<Record<string, Kms>>
  readonly cmks: Readonly<Record<string, readonly CmkRef[]>>
  readonly rules: readonly CheckedRule[]
  readonly cache: { readonly maxDeks: number; readonly ttlMs: number }
  readonly kmsTimeoutMs: number
}

export interface CheckedRule {
  readonly name: string
  readonly match: readonly string[]
  readonly passthrough: boolean
  readonly encrypt: CheckedEncryptRule | undefined
  readonly read: CheckedReadRule | undefined
}

export type Compression = 'none' | 'gzip' | 'zstd'

export interface CheckedEncryptRule {
  readonly cmk: string
  readonly rotate: RotationPolicy
  readonly context: EncryptionContext
  readonly bindKey: boolean
  /** Strictly ascending by UTF-8 bytes. */
  readonly bindHeaders: readonly string[]
  readonly compression: Compression
  readonly dekScope: 'rule' | 'topic'
  readonly tombstones: 'pass' | 'reject'
  readonly forward: boolean
  readonly maxBatchBytes: number
  readonly keyWaitMs: number
}

export interface CheckedReadRule {
  /** Names from `cmks`, in order of preference. */
  readonly cmks: readonly string[]
  readonly sealedFor: readonly string[]
  readonly acceptPublicKeySealing: boolean
  readonly require: {
    readonly keyBound: boolean
    readonly headers: readonly string[]
    readonly context: EncryptionContext
    readonly suites: readonly number[]
  }
  readonly tombstones: 'pass' | 'reject'
  readonly onInvalid: 'stop' | 'skip'
  readonly maxInvalidShare: number
  readonly plaintext: {
    /** topic → partition → the first offset at which plaintext is an error. */
    readonly untilOffsets: ReadonlyMap<string, ReadonlyMap<number, bigint>>
    readonly fingerprints: readonly string[]
  }
  readonly maxDecompressedBytes: number
  readonly kmsWaitMs: number
}
