import type { Consumer, GroupAssignment } from '@platformatic/kafka'
import { nameOf, type Place } from '../shared/place.js'

/** The partitions that the group has given to a consumer. In modes without committed offsets: all that come. */
export class Assignment {
  readonly #consumer: Pick<Consumer, 'assignments'>
  readonly #isCommitted: boolean
  #seen: readonly GroupAssignment[] | null = null
  #names: ReadonlySet<string> | undefined
  #places: readonly Place[] = []

  constructor(consumer: Pick<Consumer, 'assignments'>, isCommitted: boolean) {
    this.#consumer = consumer
    this.#isCommitted = isCommitted
  }

  /** The partitions by topic, if they are others than at the last call. */
  changed(): Readonly<Record<string, readonly number[]>> | undefined {
    const { assignments } = this.#consumer
    if (!this.#isCommitted || assignments === null || assignments === this.#seen) return undefined
    this.#seen = assignments
    this.#places = assignments.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    this.#names = new Set(this.#places.map(nameOf))
    return Object.fromEntries(assignments.map(({ topic, partitions }) => [topic, partitions]))
  }

  get places(): readonly Place[] {
    return this.#places
  }

  has(place: Place): boolean {
    return this.#names === undefined || this.#names.has(nameOf(place))
  }
}
