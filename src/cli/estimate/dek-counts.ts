import type { CheckedEncryptRule } from '../../config/checked.js'

export const DAY_MS = 86_400_000

/** How many clients there are, and what they send. */
export interface Load {
  /** Processes that seal; each has DEKs of its own. */
  readonly producers: number
  /** Of each producer. */
  readonly restartsPerDay: number
  /** Processes that open. */
  readonly readers: number
  /** Of each rule that seals, over all producers and topics. */
  readonly recordsPerDay: number
  /** Of a value as sealed. */
  readonly recordBytes: number
  /** For how long the topics keep records. */
  readonly retentionDays: number
  /** Whether each producer keeps ciphertext DEKs across restarts. */
  readonly dekStore: boolean
}

/** What of a rule says how often its DEKs are renewed. */
export type Renewal = Pick<CheckedEncryptRule, 'rotate' | 'prefetchMs' | 'dekScope' | 'provisionedDek'>

/** The DEKs of one rule. */
export interface Deks {
  readonly perDay: number
  /** Owners of a DEK of their own: producers, times topics with `dekScope: 'topic'`; one for a provisioned DEK. */
  readonly sealers: number
  /** New DEKs a day of one sealer, because one reached a limit. */
  readonly rotations: number
  /** New DEKs a day of one sealer, because its process started. */
  readonly restarts: number
  /** Which limit ends DEKs. */
  readonly limit: 'age' | 'messages' | 'bytes' | 'provisioned'
  /** DEKs a day that a start unwraps instead of making, over all producers. */
  readonly reopened: number
}

/**
 * About how many DEKs a rule makes, if records flow evenly. With prefetch the age of the next DEK counts before it is
 * used; it is fetched between half and all of `prefetch` ahead, three quarters on average.
 *
 * @param topics how many topics of the rule there are, at least 1
 */
export function deksOf(encrypt: Renewal, topics: number, load: Load): Deks {
  const { producers, restartsPerDay, recordsPerDay, recordBytes, dekStore } = load
  const sealers = producers * (encrypt.dekScope === 'topic' ? topics : 1)
  if (encrypt.provisionedDek) {
    const starts = producers * restartsPerDay
    return { perDay: 0, sealers: 1, rotations: 0, restarts: 0, limit: 'provisioned', reopened: starts }
  }
  const { maxAgeMs, maxMessages, maxBytes } = encrypt.rotate
  const records = recordsPerDay / sealers
  const byLimit = {
    age: DAY_MS / (maxAgeMs - 0.75 * encrypt.prefetchMs),
    messages: records / maxMessages,
    bytes: (records * recordBytes) / maxBytes,
  }
  const limit = (['age', 'messages', 'bytes'] as const).reduce((a, b) => (byLimit[b] > byLimit[a] ? b : a))
  const rotations = byLimit[limit]
  const restarts = dekStore ? 0 : restartsPerDay
  return {
    perDay: sealers * (rotations + restarts),
    sealers,
    rotations,
    restarts,
    limit,
    reopened: dekStore ? sealers * restartsPerDay : 0,
  }
}

/**
 * How many DEKs a reader unwraps a day that follows the topics of a rule: each when it first meets it, and again
 * whenever its cache has let go of it while it still seals.
 */
export function unwrapsPerReader({ perDay, sealers }: Deks, ttlMs: number): number {
  return Math.max(perDay, (sealers * DAY_MS) / ttlMs)
}
