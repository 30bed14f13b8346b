import type { Limit } from '../events.js'

/**
 * The most that one content key may seal, whatever the configuration says: 2^32 records, far below the 2^64 IVs of the
 * deterministic construction (NIST SP 800-38D, 8.2.1), and 2^38 bytes of body.
 */
export const MAX_MESSAGES: number = 2 ** 32
export const MAX_BYTES: number = 2 ** 38

/** When a DEK stops sealing. */
export interface RotationPolicy {
  readonly maxAgeMs: number
  readonly maxMessages: number
  readonly maxBytes: number
}

/** How much was sealed under a DEK so far. */
export interface Usage {
  readonly messages: number
  /** Bytes of body. */
  readonly bytes: number
}

/** The limit that a DEK has reached, or undefined while it may seal. */
export function limitReached(policy: RotationPolicy, usage: Usage, ageMs: number): Limit | undefined {
  if (ageMs >= policy.maxAgeMs) return 'age'
  if (usage.messages >= policy.maxMessages) return 'messages'
  if (usage.bytes >= policy.maxBytes) return 'bytes'
  return undefined
}

/** The limits that hold whatever the policy says. A grace has only these. */
export const CAPS: RotationPolicy = { maxAgeMs: Infinity, maxMessages: MAX_MESSAGES, maxBytes: MAX_BYTES }

/** When to fetch the next DEK: at whichever of these comes first. */
export interface PrefetchPoint {
  readonly ageMs: number
  readonly messages: number
  readonly bytes: number
}

/**
 * Between half and all of `prefetchMs` before the age, or at half to four fifths of the records or bytes.
 * @param random from 0 to 1, drawn for each DEK, so that processes do not rotate in step
 */
export function prefetchPoint(
  { maxAgeMs, maxMessages, maxBytes }: RotationPolicy,
  prefetchMs: number,
  random: number,
): PrefetchPoint {
  const share = 0.5 + 0.3 * random
  return {
    ageMs: maxAgeMs - prefetchMs * (1 - random / 2),
    messages: maxMessages * share,
    bytes: maxBytes * share,
  }
}

export function isPast(point: PrefetchPoint, { messages, bytes }: Usage, ageMs: number): boolean {
  return ageMs >= point.ageMs || messages >= point.messages || bytes >= point.bytes
}

/** A run of records, from `from` on, that fits within the limits. */
export interface Fit extends Usage {
  /** The limit that excluded the next record; undefined if all fit. */
  readonly stoppedBy: 'messages' | 'bytes' | undefined
}

/** How many of the records from `from` on fit within the limits, given `usage`. */
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
