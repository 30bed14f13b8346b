import { MAX_TIMESTAMP, type Occurrences } from '../scan/tally.js'
import type { PartitionCutover } from './partition-counts.js'
import { hasEnded } from './until-offsets.js'

/* What partitions have of one kind of records, counted and in words. */

type Kind = 'sealed' | 'plaintext' | 'refused' | 'unknownFormat' | 'malformed'

export interface Place extends Occurrences {
  readonly partition: number
}

export function total(partitions: readonly PartitionCutover[], kind: Kind): number {
  return partitions.reduce((sum, each) => sum + (each[kind]?.records ?? 0), 0)
}

/** Those of the partition that has the youngest. */
export function lastOf(partitions: readonly PartitionCutover[], kind: Kind): Place | undefined {
  return partitions
    .flatMap((each) => (each[kind] === null ? [] : [{ ...each[kind], partition: each.partition }]))
    .toSorted((a, b) => (b.latest ?? 0) - (a.latest ?? 0))[0]
}

/** Plaintext that producers still write: once it has ended in a partition, what was before is history. */
export function arriving({ until, end, plaintext, refused }: PartitionCutover): Occurrences | null {
  return hasEnded(until, end) ? refused : plaintext
}

export function placeOf({ partition, last, latest }: Place): string {
  return `${String(partition)}:${last}${latest === undefined ? '' : `, ${timeOf(latest)}`}`
}

/** When retention has removed the last of some records, as the end of a sentence. */
export function goneBy({ latest }: Place, keepsMs: number | null): string {
  if (keepsMs === null) return '; retention by time never removes the last of it'
  if (latest === undefined || latest + keepsMs > MAX_TIMESTAMP) return ''
  return `; retention removes the last of it by about ${timeOf(latest + keepsMs)}`
}

export function namesOf(partitions: readonly PartitionCutover[]): string {
  const all = partitions.map(({ partition }) => String(partition))
  const more = all.length - MAX_NAMES
  const names = `${all.slice(0, MAX_NAMES).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`
  return `${all.length === 1 ? 'partition' : 'partitions'} ${names}`
}
const MAX_NAMES = 20

export function amount(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}/, '')
}
