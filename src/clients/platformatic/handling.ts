import type { Message } from '@platformatic/kafka'
import { nameOf, type Place } from '../shared/place.js'
import type { Autocommit } from './autocommit.js'

/** A message for the application, until it is handled. */
export interface Given {
  /** The inner message up to which it commits: also skipped records and dead letters behind it. */
  upTo: Message
  isTaken: boolean
  isLost: boolean
}

/** The messages that the application gets, and has not handled yet, in order. */
export class Handling {
  readonly #autocommit: Autocommit | undefined
  #given: Given[] = []

  constructor(autocommit: Autocommit | undefined) {
    this.#autocommit = autocommit
  }

  /** Whether the application has handled all that there was. */
  get isDone(): boolean {
    return this.#given.length === 0
  }

  add(given: Given): void {
    this.#given.push(given)
  }

  /** The application does not get the records of a partition up to this one. */
  pass(upTo: Message): void {
    const name = nameOf(upTo)
    const before = this.#given.findLast((given) => nameOf(given.upTo) === name)
    if (before === undefined) this.#autocommit?.done(upTo)
    else before.upTo = upTo
  }

  /** The application has the next message now. */
  take(): void {
    const [first] = this.#given
    if (first !== undefined) first.isTaken = true
  }

  /** The application has handled what it has taken. */
  settle(): void {
    const [first] = this.#given
    if (first?.isTaken !== true) return
    this.#given.shift()
    if (!first.isLost) this.#autocommit?.done(first.upTo)
  }

  /** Commits nothing more of partitions that other consumers have. */
  keepOnly(isAssigned: (place: Place) => boolean): void {
    for (const given of this.#given) if (!isAssigned(given.upTo)) given.isLost = true
  }

  /** Commits nothing more. */
  clear(): void {
    this.#given = []
  }
}
