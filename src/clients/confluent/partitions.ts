import type { Clock } from '../../clock.js'
import type { ConsumerStopped } from '../../record/internals.js'
import type { Reading } from '../shared/parking.js'
import { nameOf, type Place } from '../shared/place.js'
import type { ConfluentConsumer, PausedTopic } from './client.js'

/** How often it is checked whether a paused partition still belongs to the consumer. */
const WATCH_MS = 1000

/** What to do about partitions that the consumer has lost. */
export interface Losses {
  /** Called with all that it still has, when it has lost some that this library paused. */
  lost(assigned: Readonly<Record<string, readonly number[]>>): void
  /** Called when the application has disconnected the inner consumer. */
  ended(): void
}

/**
 * The partitions that are paused, by the application or by this library: one that is parked, or that a record has stopped.
 * The client itself does not know who paused a partition. It has no event for partitions that it loses either, and a
 * partition that was lost stays paused until it is resumed; so the assignment is checked regularly while this library has
 * paused any.
 */
export class Partitions implements Reading {
  readonly #inner: ConfluentConsumer
  readonly #clock: Clock
  readonly #losses: Losses
  readonly #held = new Map<string, Place>()
  readonly #byApplication = new Set<string>()
  readonly #stops = new Map<string, ConsumerStopped>()
  #cancelWatch: (() => void) | undefined

  constructor(inner: ConfluentConsumer, clock: Clock, losses: Losses) {
    this.#inner = inner
    this.#clock = clock
    this.#losses = losses
  }

  /** Why partitions are stopped. */
  get stops(): readonly ConsumerStopped[] {
    return [...this.#stops.values()]
  }

  isPaused(place: Place): boolean {
    return this.#byApplication.has(nameOf(place))
  }

  pause({ topic, partition }: Place): void {
    this.#inner.pause([{ topic, partitions: [partition] }])
    this.#held.set(nameOf({ topic, partition }), { topic, partition })
    this.#watch()
  }

  resume({ topic, partition }: Place): void {
    const name = nameOf({ topic, partition })
    this.#held.delete(name)
    if (this.#byApplication.has(name)) return
    try {
      this.#inner.resume([{ topic, partitions: [partition] }])
    } catch {
      // The client is disconnected, so nothing is paused.
    }
  }

  /** Pauses a partition at a record that may not pass. */
  stop(place: Place, stopped: ConsumerStopped): void {
    this.pause(place)
    this.#stops.set(nameOf(place), stopped)
  }

  /** Ends the stop of a partition, if it is stopped: its record is read again. */
  endStop(place: Place): void {
    if (this.#stops.delete(nameOf(place))) this.resume(place)
  }

  /** Records of the partition arrive, so it is not paused: if it was, code that uses the inner consumer has resumed it. */
  arrived(place: Place): void {
    this.#byApplication.delete(nameOf(place))
    this.endStop(place)
  }

  /** The application has paused these. */
  paused(places: readonly Place[]): void {
    for (const place of places) this.#byApplication.add(nameOf(place))
  }

  /** The application resumes these, which ends their stops. Returns those that may be read. */
  resumed(places: readonly Place[]): Place[] {
    for (const place of places) {
      const name = nameOf(place)
      this.#byApplication.delete(name)
      if (this.#stops.delete(name)) this.#held.delete(name)
    }
    return places.filter((place) => !this.#held.has(nameOf(place)))
  }

  /** The application has paused a partition that this library had paused: from now on, it is the application's pause. */
  release(place: Place): void {
    this.#held.delete(nameOf(place))
  }

  /** The paused partitions, without those that only this library has paused. */
  pausedByApplication(): { topic: string; partitions: number[] }[] {
    return this.#inner
      .paused()
      .map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.filter((partition) => {
          const name = nameOf({ topic, partition })
          return !this.#held.has(name) || this.#byApplication.has(name)
        }),
      }))
      .filter(({ partitions }) => partitions.length > 0)
  }

  /** The partitions that a list for `pause` or `resume` means. @throws the error of the client if it is not connected */
  of(topics: readonly PausedTopic[]): Place[] {
    return topics.flatMap(({ topic, partitions }) => {
      const all = (): number[] =>
        this.#inner.assignment().flatMap((one) => (one.topic === topic ? [one.partition] : []))
      return (partitions ?? all()).map((partition) => ({ topic, partition }))
    })
  }

  /** Forgets everything, when the consumer ends. */
  clear(): void {
    this.#cancelWatch?.()
    this.#cancelWatch = undefined
    this.#held.clear()
    this.#stops.clear()
  }

  #watch(): void {
    this.#cancelWatch ??= this.#clock.schedule(() => {
      this.#cancelWatch = undefined
      this.#look()
      if (this.#held.size > 0) this.#watch()
    }, WATCH_MS)
  }

  #look(): void {
    let assigned: Record<string, number[]>
    try {
      assigned = {}
      for (const { topic, partition } of this.#inner.assignment()) (assigned[topic] ??= []).push(partition)
    } catch {
      this.#losses.ended()
      return
    }
    const lost = [...this.#held.values()].filter(
      ({ topic, partition }) => assigned[topic]?.includes(partition) !== true,
    )
    if (lost.length === 0) return
    for (const place of lost) this.endStop(place)
    this.#losses.lost(assigned)
  }
}
