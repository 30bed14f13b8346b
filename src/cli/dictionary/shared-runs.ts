import type { Corpus } from './corpus.js'
import type { SuffixOrder } from './suffix-order.js'

/**
 * For each position, the length of the longest run of bytes that begins there and occurs in at least `minGroups`
 * groups of samples; 0 if there is none. Exact, up to the longest run that the order knows.
 * @param minGroups at least 2
 */
export function sharedRuns(
  { groupAt, groupCount }: Corpus,
  { positions, common }: SuffixOrder,
  minGroups: number,
): Uint16Array {
  const lengths = new Uint16Array(positions.length)
  const seen = new Int32Array(groupCount)
  const lowest = new SlidingMinimum(common)
  let distinct = 0
  let end = 0
  let before = 0
  for (let place = 0; place < positions.length; place++) {
    // The window of fewest places, from this one on, that has enough groups.
    while (end < positions.length && distinct < minGroups) {
      const group = groupAt[positions[end] as number] as number
      const count = seen[group] as number
      if (count === 0) distinct++
      seen[group] = count + 1
      lowest.push(end)
      end++
    }
    lowest.dropTo(place)
    // All of a window have in common what its neighbours have.
    const own = distinct < minGroups ? 0 : lowest.value()
    // A run of the place before is shared as far as this place has it too.
    const inherited = Math.min(before, common[place] as number)
    before = Math.max(own, inherited)
    lengths[positions[place] as number] = before

    const group = groupAt[positions[place] as number] as number
    const count = (seen[group] as number) - 1
    seen[group] = count
    if (count === 0) distinct--
  }
  return lengths
}

/** The smallest value in a window that moves right. */
class SlidingMinimum {
  readonly #values: Uint16Array
  readonly #places: Int32Array
  #first = 0
  #end = 0

  constructor(values: Uint16Array) {
    this.#values = values
    this.#places = new Int32Array(values.length)
  }

  push(place: number): void {
    const value = this.#values[place] as number
    while (
      this.#end > this.#first &&
      (this.#values[this.#places[this.#end - 1] as number] as number) >= value
    ) {
      this.#end--
    }
    this.#places[this.#end++] = place
  }

  /** Forgets `place` and all before it. */
  dropTo(place: number): void {
    while (this.#first < this.#end && (this.#places[this.#first] as number) <= place) this.#first++
  }

  value(): number {
    return this.#values[this.#places[this.#first] as number] as number
  }
}
