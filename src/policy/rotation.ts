import type { RetireReason } from '../events.js'

/**
 * What one content key may seal, whatever the configuration says: 2^32 records, far below the 2^64 IVs of the
 * deterministic construction (NIST SP 800-38D, 8.2.1), and 2^38 bytes of body.
 */
export const MAX_MESSAGES: number = 2 ** 32
export const MAX_BYTES: number = 2 ** 38

export const DEFAULT_MAX_AGE = '24h'
/** `MAX_BYTES`. */
export const DEFAULT_MAX_BYTES = '256GiB'

/** When a DEK stops sealing. */
export interface RotationPolicy {
  readonly maxAgeMs: number
  readonly maxMessages: number
  readonly maxBytes: number
}

/** What was sealed under a DEK so far. */
export interface Usage {
  readonly messages: number
  /** Bytes of body. */
  readonly bytes: number
}

/** Why the DEK may seal no more, or undefined while it may. */
export function limitReached(policy: RotationPolicy, usage: Usage, ageMs: number): RetireReason | undefined {
  if (ageMs >= policy.maxAgeMs) return 'age'
  if (usage.messages >= policy.maxMessages) return 'messages'
  if (usage.bytes >= policy.maxBytes) return 'bytes'
  return undefined
}

/** A run of records that fits under the limits, from `from` on. */
export interface Fit extends Usage {
  /** The limit that kept the next record out; undefined where all fit. */
  readonly stoppedBy: 'messages' | 'bytes' | undefined
}

/** How many of the records from `from` on fit under the limits beside what was used. */
export function fit(policy: RotationPolicy, usage: Usage, sizes: readonly number[], from: number): Fit {
  let bytes = 0
  const end = Math.min(sizes.length, from + policy.maxMessages - usage.messages)
  for (let i = from; i < end; i++) {
    const size = sizes[i] ?? 0
    if (usage.bytes + bytes + size > policy.maxBytes) return { messages: i - from, bytes, stoppedBy: 'bytes' }
    bytes += size
  }
  return { messages: end - from, bytes, stoppedBy: end < sizes.length ? 'messages' : undefined }
}
