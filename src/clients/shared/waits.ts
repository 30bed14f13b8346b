import type { Waiting } from '../../events.js'
import { stopwatch, type Clock } from '../../clock.js'
import { nameOf, type Place } from './place.js'

type Entry = Omit<Waiting, 'waitedMs'> & {
  readonly since: number
  /** Whether its wait is over, though its record is not decided yet. */
  isOver: boolean
}

/**
 * The records that a consumer waits with, one for each partition. An entry lasts from the start of a wait until its
 * record is decided, over any number of attempts.
 */
export class Waits {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number

  constructor(clock: Clock) {
    this.#now = stopwatch(clock)
  }

  /** Records that a record has waited for `waitedMs` in this attempt. Returns its wait over all attempts. */
  update({ waitedMs, ...wait }: Waiting): Waiting {
    const name = nameOf(wait)
    const known = this.#entries.get(name)
    const now = this.#now()
    const since = known?.offset === wait.offset ? known.since : now - waitedMs
    this.#entries.set(name, { ...wait, since, isOver: false })
    return { ...wait, waitedMs: now - since }
  }

  /**
   * Records that a partition continues at an offset; undefined if that is not known. Ends its wait, unless it waits
   * with that offset.
   */
  movedTo(at: Place, offset: string | undefined): void {
    if (this.#entries.size === 0) return
    const name = nameOf(at)
    if (offset === undefined || this.#entries.get(name)?.offset !== offset) this.#entries.delete(name)
  }

  /** Keeps the waits of these partitions, and forgets the others. */
  keepOnly(assigned: Readonly<Record<string, readonly number[]>>): void {
    for (const { topic, partition } of this.#entries.values())
      if (assigned[topic]?.includes(partition) !== true) this.movedTo({ topic, partition }, undefined)
  }

  /** Lists a partition no longer. If it waits with the same record again, that counts as one wait. */
  over(place: Place): void {
    const entry = this.#entries.get(nameOf(place))
    if (entry !== undefined) entry.isOver = true
  }

  /** The same for all partitions, when the client has stopped. */
  allOver(): void {
    for (const entry of this.#entries.values()) entry.isOver = true
  }

  clear(): void {
    this.#entries.clear()
  }

  list(): Waiting[] {
    const now = this.#now()
    return [...this.#entries.values()]
      .filter(({ isOver }) => !isOver)
      .map(({ since, isOver: _, ...wait }) => ({ ...wait, waitedMs: now - since }))
  }
}
