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
/** Of these, a watched id can have many: forged envelopes could name it with any number of providers. */
const MAX_WITH_WATCHED = 2 * MAX_VALUES

/** The id in `<provider> <id>`. */
export function cmkIdOf(value: string): string {
  return value.slice(value.indexOf(' ') + 1)
}

export function emptyTally(): Tally {
  return Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, {}])) as Tally
}

/**
 * Adds occurrences to those of a value.
 * @param isWatched whether there is a place for the value even if others have taken theirs
 */
export function add(
  tally: Tally,
  dimension: Dimension,
  value: string,
  found: Occurrences,
  isWatched: (value: string) => boolean = () => false,
): void {
  const all = tally[dimension]
  const places = Object.keys(all).length
  const hasPlace =
    Object.hasOwn(all, value) || places < MAX_VALUES || (places < MAX_WITH_WATCHED && isWatched(value))
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

/** A producer can write any number. A later one is no date in JavaScript, and may be no safe integer. */
export const MAX_TIMESTAMP = 8.64e15

/** One record more, after all others. */
export function count(occurrences: Occurrences, bytes: number, offset: string, timestamp: number): void {
  occurrences.records++
  occurrences.bytes += bytes
  occurrences.last = offset
  if (timestamp < 0) return
  const time = Math.min(timestamp, MAX_TIMESTAMP)
  if (time < (occurrences.earliest ?? Infinity)) occurrences.earliest = time
  if (time > (occurrences.latest ?? -1)) occurrences.latest = time
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
