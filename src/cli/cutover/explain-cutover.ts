import {
  ALL_PLAINTEXT,
  type CutoverReport,
  type GroupCutover,
  type PartitionCutover,
  type Phase,
  type PlaintextWriter,
  type TopicCutover,
} from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printableText } from '../printable.js'
import { amount, time } from '../scan/explain-report.js'

/** A report for people, a paragraph for each topic. */
export function explainCutover({ since, topics }: CutoverReport): string {
  const read =
    since === 'beginning'
      ? 'All records'
      : 'time' in since
        ? `Records since ${since.time.replace(/\.\d{3}/, '')}, by their timestamps`
        : `Records from offset ${since.offset} on`
  return [`${read}:\n`, ...topics.map(explainTopic)].join('\n')
}

const ACCEPTS: Readonly<Record<TopicCutover['accepts'], string>> = {
  all: 'accepts all plaintext',
  ended: 'refuses new plaintext, and accepts the old one',
  partly: 'refuses new plaintext in some partitions only',
  none: 'accepts no plaintext',
  unknown: '',
}

function explainTopic(report: TopicCutover): string {
  const { topic, rule, accepts, partitions, writers, otherWriters, groups, phases, wayBack } = report
  const ruled = rule === null ? 'no rule decrypts it' : `rule ${printableText(rule)} ${ACCEPTS[accepts]}`
  return [
    `${printableText(topic)}: ${accepts === 'unknown' ? 'rules not given' : ruled}`,
    ...partitionTable(partitions, accepts === 'unknown'),
    ...section('plaintext arrives from', [
      ...writers.map(explainWriter),
      ...(otherWriters === 0 ? [] : [`${amount(otherWriters, 'record')} of still other kinds`]),
    ]),
    ...section(
      'groups',
      groups.map((group) => explainGroup(group, partitions)),
    ),
    '',
    ...phases.map(explainPhase),
    ...wayBack.map((line, i) => `  ${(i === 0 ? 'way back' : '').padEnd(TITLE)}${printableText(line)}`),
    ...(accepts === 'unknown'
      ? ['', `  untilOffsets: ${JSON.stringify({ [topic]: endsOf(partitions) })}`]
      : []),
    '',
  ].join('\n')
}

const MAX_ROWS = 50
const HEAD = ['partition', 'read', 'sealed', 'plaintext', 'last plaintext', '', 'accepted before']

function partitionTable(partitions: readonly PartitionCutover[], isUnknown: boolean): string[] {
  const rows = [HEAD, ...partitions.slice(0, MAX_ROWS).map(rowOf)].map((row) =>
    isUnknown ? row.slice(0, -1) : row,
  )
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const more = partitions.length - MAX_ROWS
  return [
    ...rows.map((row) =>
      `  ${row.map((cell, i) => (NUMBERS.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join('  ')}`.trimEnd(),
    ),
    ...(more > 0 ? [`  and ${figure(more)} more, with --json`] : []),
  ]
}
/** The columns of `HEAD` that hold counts. */
const NUMBERS: ReadonlySet<number> = new Set([2, 3])

function rowOf({ partition, from, end, isComplete, sealed, plaintext, until }: PartitionCutover): string[] {
  return [
    String(partition),
    from === end ? 'nothing' : `${from} to ${String(BigInt(end) - 1n)}${isComplete ? '' : ', not all'}`,
    figure(sealed?.records ?? 0),
    figure(plaintext?.records ?? 0),
    plaintext === null ? '' : plaintext.last,
    plaintext?.latest === undefined ? '' : time(plaintext.latest),
    until === null ? 'never' : until === ALL_PLAINTEXT ? 'any offset' : until,
  ]
}

function endsOf(partitions: readonly PartitionCutover[]): Readonly<Record<number, string>> {
  return Object.fromEntries(partitions.map(({ partition, end }) => [partition, end]))
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `  ${title}`, ...lines.map((line) => `    ${line}`)]
}

function explainWriter(writer: PlaintextWriter): string {
  const {
    records,
    latest,
    headers,
    headerValues,
    frameworks,
    key,
    value,
    producer,
    producerIds,
    partitions,
  } = writer
  const named = headers.map((name) =>
    Object.hasOwn(headerValues, name) ? `${name}=${headerValues[name] ?? ''}` : name,
  )
  const ids = producerIds.length === 0 ? '' : ` ${producerIds.join(', ')}`
  const traits = [
    named.length === 0 ? 'no headers' : `headers ${named.map(printableText).join(', ')}`,
    ...(frameworks.length === 0 ? [] : [`as of ${frameworks.join(', ')}`]),
    key === 'none' ? 'no key' : `${key} key`,
    `value: ${value}`,
    producer === 'neither' ? 'a producer without idempotence' : `${producer} producer${ids}`,
  ]
  const until = latest === undefined ? '' : ` up to ${time(latest)}`
  const last = partitions.slice(0, 5).map(({ partition, last: offset }) => `${String(partition)}:${offset}`)
  return `${amount(records, 'record')}${until}, last at ${last.join(' ')}: ${traits.join('; ')}`
}

function explainGroup(
  { groupId, next, members }: GroupCutover,
  partitions: readonly PartitionCutover[],
): string {
  const lag = partitions.reduce((sum, { partition, end, low }) => {
    const left = BigInt(end) - BigInt(next[partition] ?? low)
    return sum + (left > 0n ? left : 0n)
  }, 0n)
  const clients = members.map(({ clientId, host }) => `${printableText(clientId)} at ${printableText(host)}`)
  return `${printableText(groupId)}: ${amount(Number(lag), 'offset')} behind; ${clients.length === 0 ? 'no members now' : clients.slice(0, 5).join(', ')}${clients.length > 5 ? ` and ${String(clients.length - 5)} more` : ''}`
}

const PHASES: Readonly<Record<Phase['phase'], string>> = {
  readers: '1 readers',
  canary: '2 canary',
  producers: '3 producers',
  require: '4 require',
  oldPlaintext: '5 old plaintext',
}
const TITLE = 17

function explainPhase({ phase, isOver, why }: Phase): string {
  const over = isOver === null ? 'unclear' : isOver ? 'over' : 'not over'
  return `  ${PHASES[phase].padEnd(TITLE)}${over.padEnd(10)}${printableText(why.join('; '))}`
}
