import { raceAbort } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { includes, nameOf, type Place, type Places } from './place.js'

/** The operations of a client that stop and continue the reading of one partition. */
export interface Reading {
  /** Whether the application has paused it. */
  isPaused(place: Place): boolean
  pause(place: Place): void
  resume(place: Place): void
}

/** The wait of a parked partition. */
export interface Wait {
  /** Resolves when the partition may be read again. Rejects only if the signal aborts. */
  until(signal: AbortSignal): Promise<void>
  /** Called when the partition is parked, and regularly after that. */
  report(): void
  /** Called when the wait is over. */
  over(): void
}

interface Parked extends Place {
  readonly abort: AbortController
}

const REPORT_MS = 10_000

/**
 * Partitions whose next record waits for a KMS, or for a topic to accept a dead letter. Each is paused until it can go on,
 * so that the consumer reads its other partitions meanwhile. The application does not see this pause, and cannot end it
 * with its own `resume`. A pause of its own replaces it.
 */
export class Parking {
  readonly #reading: Reading
  readonly #clock: Clock
  readonly #parked = new Map<string, Parked>()
  /** Partitions whose wait is over, and which have not been read since. */
  readonly #returning = new Set<string>()

  constructor(reading: Reading, clock: Clock) {
    this.#reading = reading
    this.#clock = clock
  }

  /**
   * Pauses a partition until its wait is over. Its records must be left to be fetched again. Returns false if the
   * application has paused it, so that there is nothing to wait for.
   *
   * @throws the error of `Reading.pause`
   */
  park({ topic, partition }: Place, wait: Wait): boolean {
    const name = nameOf({ topic, partition })
    this.#leave(name)
    if (this.#reading.isPaused({ topic, partition })) return false
    const parked = { topic, partition, abort: new AbortController() }
    this.#reading.pause(parked)
    this.#parked.set(name, parked)
    void this.#waitFor(parked, wait).then(
      () => {
        if (!this.#leave(name, parked)) return
        this.#returning.add(name)
        wait.over()
      },
      // It was taken off the list meanwhile.
      () => undefined,
    )
    return true
  }

  /** Whether a partition is read for the first time after its wait was over. */
  returns(place: Place): boolean {
    return this.#returning.size > 0 && this.#returning.delete(nameOf(place))
  }

  /** Ends the wait of a partition that the application moves elsewhere. */
  leave(place: Place): void {
    const name = nameOf(place)
    this.#leave(name)
    this.#returning.delete(name)
  }

  /** Keeps assigned partitions parked, and resumes the others: they may be assigned again later. */
  keepOnly(assigned: Readonly<Record<string, readonly number[]>>): void {
    for (const [name, { topic, partition }] of this.#parked)
      if (assigned[topic]?.includes(partition) !== true) this.#leave(name)
    this.#returning.clear()
  }

  /** Ends all waits; the partitions are read again. */
  leaveAll(): void {
    for (const name of this.#parked.keys()) this.#leave(name)
  }

  /** Forgets all waits, when the client has stopped or forgotten what is paused. */
  clear(): void {
    for (const { abort } of this.#parked.values()) abort.abort()
    this.#parked.clear()
    this.#returning.clear()
  }

  /** The application paused these partitions, which ends their waits. Returns those that waited. */
  paused(all: readonly Places[]): Place[] {
    const among = [...this.#parked.values()].filter((parked) =>
      all.some((places) => includes(places, parked)),
    )
    for (const parked of among) {
      this.#parked.delete(nameOf(parked))
      parked.abort.abort()
    }
    return among
  }

  /** Pauses all parked partitions again, after the application changed what is paused. */
  pauseAgain(): void {
    for (const parked of this.#parked.values()) this.#reading.pause(parked)
  }

  /** Whether a partition is parked. */
  has(place: Place): boolean {
    return this.#parked.has(nameOf(place))
  }

  #leave(name: string, parked = this.#parked.get(name)): boolean {
    if (parked === undefined || this.#parked.get(name) !== parked) return false
    this.#parked.delete(name)
    parked.abort.abort()
    this.#reading.resume(parked)
    return true
  }

  async #waitFor({ abort: { signal } }: Parked, { until, report }: Wait): Promise<void> {
    let cancel = (): void => undefined
    const reportRegularly = (): void => {
      report()
      cancel = this.#clock.timeout(reportRegularly, REPORT_MS)
    }
    reportRegularly()
    try {
      await raceAbort(until(signal), signal)
    } finally {
      cancel()
    }
  }
}
