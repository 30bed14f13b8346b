import type { Source } from './record.js'

const WINDOW = 1000

/**
 * Counts a record of one partition, unless it was counted before. Returns true while more than the share were rejected.
 */
export type CountRecord = (offset: string, rejected: boolean) => boolean

/**
 * Watches the share of rejected records, invalid or unreadable, among the last 1,000 of a rule, whatever the policy says
 * about each. A record counts once, however often it is delivered: for each partition, the highest offset counted is kept.
 */
export class InvalidRateGuard {
  readonly #limit: number
  readonly #window: boolean[] = []
  /** By topic and partition. */
  readonly #counters = new Map<string, CountRecord>()
  #at = 0
  #rejected = 0
  /** The counter of the last partition, because most records come from the same one. */
  #last: (Required<Source> & { readonly count: CountRecord }) | undefined

  constructor(maxShare: number) {
    this.#limit = maxShare * WINDOW
  }

  /** The counter of one partition. */
  forPartition({ topic, partition }: Required<Source>): CountRecord {
    if (this.#last?.topic === topic && this.#last.partition === partition) return this.#last.count
    const key = `${topic}/${String(partition)}`
    let count = this.#counters.get(key)
    if (count === undefined) this.#counters.set(key, (count = this.#newCounter()))
    this.#last = { topic, partition, count }
    return count
  }

  #newCounter(): CountRecord {
    let counted = ''
    return (offset, rejected) => {
      if (isAfter(offset, counted)) {
        counted = offset
        this.#count(rejected)
      }
      return this.#rejected > this.#limit
    }
  }

  #count(rejected: boolean): void {
    if (this.#window[this.#at] === true) this.#rejected--
    this.#window[this.#at] = rejected
    this.#at = (this.#at + 1) % WINDOW
    if (rejected) this.#rejected++
  }
}

/** Compares decimal numbers without leading zeros. */
function isAfter(offset: string, counted: string): boolean {
  return offset.length === counted.length ? offset > counted : offset.length > counted.length
}
