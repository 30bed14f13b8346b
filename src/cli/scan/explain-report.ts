import type {
  Dimension,
  Distinct,
  Occurrences,
  ScanReport,
  SharedBy,
  TopicReport,
} from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printableText } from '../printable.js'

const KINDS: Readonly<Record<string, string>> = {
  sealed: 'sealed',
  plaintext: 'plaintext',
  unknownFormat: 'unknown format',
  malformed: 'malformed',
  tombstone: 'tombstones',
}

/** A report for people, a paragraph for each topic. */
export function explainReport({ topics, isComplete, group }: ScanReport): string {
  return [
    ...topics.map(explainTopic),
    ...(group === undefined ? (isComplete ? [] : ['The scan is not complete.\n']) : [explainPart(group)]),
    'Nothing that a scan counts is authenticated: anyone who can write to the topic can forge envelopes.\n',
  ].join('\n')
}

function explainPart({ id, isDone }: SharedBy): string {
  const name = printableText(id)
  return [
    `This is what this process has read of the scan that group ${name} shares.`,
    isDone
      ? 'The group has read everything: `scan merge FILE…` puts its reports together.\n'
      : 'The group has not read everything.\n',
  ].join('\n')
}

/** A name of each dimension for people. */
const DIMENSIONS: readonly (readonly [Dimension, string])[] = [
  ['kind', 'kind'],
  ['format', 'format'],
  ['cmk', 'CMK'],
  ['onlyCmk', 'CMK, alone'],
  ['suite', 'suite'],
  ['compression', 'compression'],
  ['context', 'context'],
  ['sealedFor', 'sealed for'],
]
const HEAD = ['', '', 'records', 'first', 'last', 'from', 'to']

function explainTopic(report: TopicReport): string {
  const { topic, partitions, sessions, deks } = report
  const sum = (member: 'records' | 'bytes' | 'overheadBytes'): number =>
    partitions.reduce((all, partition) => all + partition[member], 0)
  const rows = DIMENSIONS.flatMap(([dimension, title]) =>
    rowsOf(report, dimension).map((row, i) => [i === 0 ? title : '', ...cellsOf(row, dimension)]),
  )
  const counted = Object.entries(deks).map(
    ([cmk, distinct]) => `${counts(distinct)} under ${printableText(cmk)}`,
  )
  const bytes = sum('bytes')
  return [
    `${printableText(topic)}: ${amount(sum('records'), 'record')} in ${amount(new Set(partitions.map(({ partition }) => partition)).size, 'partition')}, ${amount(bytes, 'byte')} of values`,
    ...(rows.length === 0 ? [] : table([HEAD, ...rows])),
    ...(counted.length === 0
      ? []
      : [
          `  DEKs: ${counted.join(', ')}; sealing sessions: ${counts(sessions)}; sealing added ${share(sum('overheadBytes'), bytes)} of the bytes`,
        ]),
    ...partitions.flatMap(({ partition, openFrom }) =>
      openFrom === undefined
        ? []
        : [
            `  partition ${String(partition)} has an open transaction: its records from offset ${openFrom} on cannot be read yet`,
          ],
    ),
    '',
  ].join('\n')
}

/** Columns of equal width, numbers on the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    `  ${row.map((cell, i) => (i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd(),
  )
}

function cellsOf({ value, records, first, last, earliest, latest }: Row, dimension: Dimension): string[] {
  const name = dimension === 'kind' ? (KINDS[value] ?? value) : value === '' ? '(none)' : printableText(value)
  const times = earliest === undefined || latest === undefined ? [] : [time(earliest), time(latest)]
  return [name, figure(records), first, last, ...times]
}

interface Row {
  readonly value: string
  readonly records: number
  readonly first: string
  readonly last: string
  readonly earliest: number | undefined
  readonly latest: number | undefined
}

/** The values of a dimension over all partitions, the most frequent first. */
function rowsOf({ partitions }: TopicReport, dimension: Dimension): Row[] {
  const found = new Map<string, Row>()
  for (const { partition, tally } of partitions) {
    for (const [value, occurrences] of Object.entries(tally[dimension])) {
      found.set(value, merged(found.get(value), value, partition, occurrences))
    }
  }
  return [...found.values()].toSorted((a, b) => b.records - a.records)
}

function merged(before: Row | undefined, value: string, partition: number, found: Occurrences): Row {
  const [first, last] = [found.first, found.last].map((offset) => `${String(partition)}:${offset}`) as [
    string,
    string,
  ]
  if (before === undefined) {
    return { value, records: found.records, first, last, earliest: found.earliest, latest: found.latest }
  }
  // The places of the oldest and the youngest record; partitions have no order of their own.
  const isOlder = (found.earliest ?? Infinity) < (before.earliest ?? Infinity)
  const isYounger = (found.latest ?? -Infinity) > (before.latest ?? -Infinity)
  return {
    value,
    records: before.records + found.records,
    first: isOlder ? first : before.first,
    last: isYounger ? last : before.last,
    earliest: isOlder ? found.earliest : before.earliest,
    latest: isYounger ? found.latest : before.latest,
  }
}

function counts({ count }: Distinct): string {
  return count.exact ? figure(count.value) : `about ${figure(count.value)}`
}

/** `1 record`, `2 records`. */
export function amount(value: number, what: string): string {
  return `${figure(value)} ${what}${value === 1 ? '' : 's'}`
}

function share(part: number, all: number): string {
  return all === 0 ? '0 %' : `${((100 * part) / all).toFixed(1)} %`
}

export function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}/, '')
}
