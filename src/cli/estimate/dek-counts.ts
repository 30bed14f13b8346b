import type { CheckedEncryptRule } from '../../config/checked.js'

const DAY_MS = 86_400_000

/** The number of clients, and the records that they send. */
export interface Load {
  /** Processes that seal; each has its own DEKs. */
  readonly producers: number
  /** Restarts of each producer. */
  readonly restartsPerDay: number
  /** Processes that open. */
  readonly readers: number
  /** Records of each rule that seals, over all producers and topics. */
  readonly recordsPerDay: number
  /** Bytes of a value when it is sealed, so after compression. */
  readonly recordBytes: number
  /** How long the topics keep records. */
  readonly retentionDays: number
  /** Whether each producer keeps ciphertext DEKs across restarts. */
  readonly dekStore: boolean
}

/** The part of a rule that says how often its DEKs are renewed. */
export type Renewal = Pick<CheckedEncryptRule, 'rotate' | 'prefetchMs' | 'dekScope' | 'provisionedDek'>

/** The DEKs of one rule. */
export interface Deks {
  readonly perDay: number
  /**
   * The number of owners that have their own DEK: producers, times topics with `dekScope: 'topic'`; one for a
   * provisioned DEK.
   */
  readonly sealers: number
  /** New DEKs of one sealer per day, because a DEK reached a limit. */
  readonly rotations: number
  /** New DEKs of one sealer per day, because its process started. */
  readonly restarts: number
  /** Which limit ends DEKs. */
  readonly limit: 'age' | 'messages' | 'bytes' | 'provisioned'
  /** DEKs per day that a start unwraps from the store instead of making new ones, over all producers. */
  readonly reopened: number
}

/**
 * Estimates how many DEKs a rule makes, if records flow evenly. With prefetch the age of the next DEK counts before it
 * is used; it is fetched between half and all of `prefetch` ahead, three quarters on average.
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
 * How many DEKs per day a reader of the rule's topics unwraps: each DEK when the reader first sees it, and again
 * whenever its cache has dropped a DEK that still seals.
 */
export function unwrapsPerReader({ perDay, sealers }: Deks, ttlMs: number): number {
  return Math.max(perDay, (sealers * DAY_MS) / ttlMs)
}
