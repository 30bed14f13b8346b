import type { Corpus } from './corpus.js'

/** A match of DEFLATE has at most 258 bytes, so longer runs gain nothing. A power of two. */
const MAX_RUN = 256

/** All positions of a corpus, sorted by the text that begins there. */
export interface SuffixOrder {
  readonly positions: Int32Array
  /** How many bytes a position has in common with the one before it in this order: at most 256, within its sample. */
  readonly common: Uint16Array
}

export function suffixOrder({ symbols }: Corpus): SuffixOrder {
  const positions = sorted(symbols)
  return { positions, common: commonLengths(symbols, positions) }
}

/** Prefix doubling (Manber and Myers): sorts by 1 symbol, then by 2, 4, 8, and so on, each time from the order before. */
function sorted(symbols: Uint16Array): Int32Array {
  const length = symbols.length
  let rank = Int32Array.from(symbols)
  const bySecond = Int32Array.from(symbols.keys())
  const order = new Int32Array(length)
  const starts = new Int32Array(Math.max(length, 2 ** 8 + 1) + 1)
  sortByRank(bySecond, rank, starts, order)
  for (let width = 1; width < MAX_RUN; width *= 2) {
    let next = 0
    for (let at = Math.max(length - width, 0); at < length; at++) bySecond[next++] = at
    for (const at of order) if (at >= width) bySecond[next++] = at - width
    sortByRank(bySecond, rank, starts, order)

    const newRank = new Int32Array(length)
    let ranks = 0
    for (let i = 1; i < length; i++) {
      const [a, b] = [order[i - 1] as number, order[i] as number]
      if (rank[a] !== rank[b] || rank[a + width] !== rank[b + width]) ranks++
      newRank[b] = ranks
    }
    rank = newRank
    if (ranks === length - 1) break
  }
  return order
}

/** A counting sort, which keeps the order of equal ranks. */
function sortByRank(from: Int32Array, rank: Int32Array, starts: Int32Array, to: Int32Array): void {
  starts.fill(0)
  for (const each of rank) starts[each + 1] = (starts[each + 1] as number) + 1
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number)
  for (const at of from) {
    const each = rank[at] as number
    const place = starts[each] as number
    to[place] = at
    starts[each] = place + 1
  }
}

/** Kasai's way: the text one further on has at most one byte less in common with one that stands before it. */
function commonLengths(symbols: Uint16Array, positions: Int32Array): Uint16Array {
  const placeOf = new Int32Array(positions.length)
  for (let place = 0; place < positions.length; place++) placeOf[positions[place] as number] = place
  const common = new Uint16Array(positions.length)
  let length = 0
  for (let at = 0; at < positions.length; at++) {
    const place = placeOf[at] as number
    if (place === 0) {
      length = 0
      continue
    }
    const other = positions[place - 1] as number
    const symbolsMatch = (): boolean => symbols[at + length] === symbols[other + length]
    while (length < MAX_RUN && symbols[at + length] !== 0 && symbolsMatch()) length++
    common[place] = length
    // If the sorted part of both texts is equal, the order of the texts that start one byte later is not known.
    const isOrderKnown = length < MAX_RUN && !symbolsMatch()
    length = isOrderKnown ? Math.max(length - 1, 0) : 0
  }
  return common
}
