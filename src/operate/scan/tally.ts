/** The first and last of some records of one partition. */
export interface Occurrences {
  records: number
  /** Of their values, as stored. */
  bytes: number
  /** Offsets, decimal. */
  first: string
  last: string
  /** The smallest and largest timestamp, in ms since 1970; absent if no record had one. */
  earliest?: number | undefined
  latest?: number | undefined
}

/** What a scan tells records apart by. */
export const DIMENSIONS = [
  'kind',
  'format',
  'suite',
  'compression',
  'cmk',
  'onlyCmk',
  'context',
  'sealedFor',
] as const
export type Dimension = (typeof DIMENSIONS)[number]
/** Of each dimension, the values that occurred. */
export type Tally = Record<Dimension, Record<string, Occurrences>>

/** Instead of values beyond `MAX_VALUES`: forged envelopes could name any number of CMKs. */
export const OTHERS = '(others)'
const MAX_VALUES = 200

export function emptyTally(): Tally {
  return Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, {}])) as Tally
}

/**
 * Adds occurrences to those of a value.
 * @param isWatched whether the value has a place of its own however many there are
 */
export function add(
  tally: Tally,
  dimension: Dimension,
  value: string,
  found: Occurrences,
  isWatched: (value: string) => boolean = () => false,
): void {
  const all = tally[dimension]
  const hasPlace = Object.hasOwn(all, value) || Object.keys(all).length < MAX_VALUES || isWatched(value)
  const name = hasPlace ? value : OTHERS
  const known = Object.hasOwn(all, name) ? all[name] : undefined
  // Not by assignment: `__proto__` is a name like any other.
  if (known === undefined) Object.defineProperty(all, name, { value: { ...found }, enumerable: true })
  else extend(known, found)
}

/** Adds all of another tally, which may be of other offsets of the partition, or of another partition. */
export function addAll(tally: Tally, other: Tally, isWatched?: (value: string) => boolean): void {
  for (const dimension of DIMENSIONS) {
    for (const [value, found] of Object.entries(other[dimension]))
      add(tally, dimension, value, found, isWatched)
  }
}

/** One record more, after all others. */
export function count(occurrences: Occurrences, bytes: number, offset: string, timestamp: number): void {
  occurrences.records++
  occurrences.bytes += bytes
  occurrences.last = offset
  if (timestamp >= 0) {
    if (timestamp < (occurrences.earliest ?? Infinity)) occurrences.earliest = timestamp
    if (timestamp > (occurrences.latest ?? -1)) occurrences.latest = timestamp
  }
}

/** Before the first record. */
export function noneYet(offset: string): Occurrences {
  return { records: 0, bytes: 0, first: offset, last: offset }
}

function extend(known: Occurrences, found: Occurrences): void {
  known.records += found.records
  known.bytes += found.bytes
  if (BigInt(found.first) < BigInt(known.first)) known.first = found.first
  if (BigInt(found.last) > BigInt(known.last)) known.last = found.last
  const earliest = Math.min(known.earliest ?? Infinity, found.earliest ?? Infinity)
  const latest = Math.max(known.latest ?? -Infinity, found.latest ?? -Infinity)
  if (earliest !== Infinity) known.earliest = earliest
  if (latest !== -Infinity) known.latest = latest
}
