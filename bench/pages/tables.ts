import type { Case, Figure, Metric, Result } from '../harness/result.js'
import { rounded } from '../table.js'
import { secretsTable } from './secrets-table.js'
import { kindAndWay, sizeTable } from './size-table.js'
import { targetsTable } from './targets-table.js'

interface Column {
  readonly title: string
  readonly metric: Metric
  readonly against?: string
}

const SPEED: Column = { title: 'records/s', metric: 'recordsPerSecond' }
const CPU: Column = { title: 'CPU, µs a record', metric: 'cpuMicrosecondsPerRecord' }
const TIMES_FLOOR: Column = { title: '× floor', metric: 'speedRatio', against: 'floor' }
const TIMES_EQUAL: Column = {
  title: '× plain, as many bytes',
  metric: 'speedRatio',
  against: 'plainAtSealedSize',
}
const TIMES_PLAIN: Column = { title: '× plain', metric: 'speedRatio', against: 'plain' }
const ADDED: Column = {
  title: 'CPU added, in floor operations',
  metric: 'cpuAddedInFloorOperations',
  against: 'plainAtSealedSize',
}
const DELAY: Column = { title: 'event-loop delay p99, ms', metric: 'eventLoopDelayMillisecondsP99' }
const BLOCK: Column = { title: 'longest block, ms', metric: 'longestBlockMilliseconds' }
const P50: Column = { title: 'send, median, ms', metric: 'sendMillisecondsMedian' }
const P99: Column = { title: 'send, p99, ms', metric: 'sendMillisecondsP99' }
const CALLS: Column = { title: 'KMS calls', metric: 'kmsCalls' }
const SECONDS: Column = { title: 'seconds', metric: 'seconds' }
const MEMORY: readonly Column[] = [
  { title: 'bytes in use', metric: 'bytesInUse' },
  { title: 'bytes resident', metric: 'bytesResident' },
]
const KAFKA = [SPEED, CPU, TIMES_EQUAL, TIMES_PLAIN, ADDED]

/** The columns for the cases of a part; a column that no case of a table has is left out. */
const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  micro: [SPEED, CPU, TIMES_FLOOR],
  endToEnd: [...KAFKA, P50, P99, DELAY],
  compression: [CPU, { title: '× gzip, CPU', metric: 'cpuTimes', against: 'gzip' }],
  sendAlone: [P50, P99, { title: 'p99 added, ms', metric: 'sendMillisecondsP99Added', against: 'plain' }],
  largeBatch: [
    BLOCK,
    { title: 'heartbeats', metric: 'heartbeats' },
    { title: 'longest time without heartbeat, ms', metric: 'longestTimeWithoutHeartbeatMilliseconds' },
  ],
  keys: [
    CALLS,
    SECONDS,
    SPEED,
    CPU,
    P99,
    { title: 'slowest, ms', metric: 'sendMillisecondsSlowest' },
    { title: 'sends that waited for a DEK', metric: 'sendsThatWaitedForADek' },
  ],
  growth: [SECONDS, ...MEMORY],
  peers: [SPEED, CPU, TIMES_FLOOR],
}

/** Parts with a table of their own form. */
const TABLES: Readonly<Record<string, (cases: readonly Case[]) => string>> = {
  size: sizeTable,
  secrets: secretsTable,
}

const BETWEEN = /<!-- results -->[^]*<!-- end of results -->/

/** The page with the tables of these cases between its marks. */
export function withTables(page: string, { machine, cases }: Result): string {
  if (!BETWEEN.test(page)) throw new Error('the page has no marks for the results')
  const about =
    `Measured on ${machine.startedAt.slice(0, 10)} at commit \`${machine.commit.slice(0, 10)}\`: Node.js ` +
    `${machine.node}, OpenSSL ${machine.openssl}, ${machine.platform}, ${String(machine.cores)} cores ` +
    `(${machine.cpu}), ${String(machine.memoryGiB)} GiB of memory, load ${machine.load.join(', ')} at the start.`
  const targets = targetsTable(cases)
  const titles = [...new Set(cases.map(titleOf))]
  const tables = titles.map((title) => {
    const own = cases.filter((one) => titleOf(one) === title)
    return `### ${title}\n\n${(TABLES[own[0]?.part ?? ''] ?? tableOf)(own)}`
  })
  return page.replace(BETWEEN, () =>
    [
      '<!-- results -->',
      about,
      ...(targets === '' ? [] : [`### Targets\n\n${targets}`]),
      ...tables,
      '<!-- end of results -->',
    ].join('\n\n'),
  )
}

function titleOf(one: Case): string {
  const { part, name } = one
  const titles: Readonly<Record<string, string>> = {
    micro: 'Without Kafka',
    endToEnd: 'On a broker',
    compression: 'A dictionary',
    sendAlone: 'Latency',
    largeBatch: 'A batch of 50,000',
    size: 'Bytes on a broker',
    keys: 'Keys',
    secrets: 'Secrets and envelopes',
    growth: 'Growth',
    peers: 'Peers',
  }
  return `${titles[part] ?? part}: ${part === 'size' ? kindAndWay(one)[0] : name}`
}

/** A row for each case and contender. */
function tableOf(cases: readonly Case[]): string {
  const figures = cases.flatMap((one) => one.figures)
  const columns = (COLUMNS[cases[0]?.part ?? ''] ?? []).filter((column) =>
    figures.some((figure) => isIn(figure, column)),
  )
  const parameters = Object.keys(cases[0]?.parameters ?? {})
  const rows = cases.flatMap((one) =>
    [...new Set(one.figures.map(({ contender }) => contender))].map((contender) => [
      ...parameters.map((name) => rounded(one.parameters[name] ?? NaN)),
      contender,
      ...columns.map((column) => cell(one.figures.find((f) => f.contender === contender && isIn(f, column)))),
    ]),
  )
  const head = [...parameters.map(spaced), '', ...columns.map(({ title }) => title)]
  const rule = head.map((title) => (title === '' ? '---' : '---:'))
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function isIn({ metric, against }: Figure, column: Column): boolean {
  return metric === column.metric && against === column.against
}

/** The median; for ratios, which are the result, also the quartiles. */
function cell(figure: Figure | undefined): string {
  if (figure === undefined) return ''
  const { median, lowerQuartile, upperQuartile, against } = figure
  return against === undefined
    ? rounded(median)
    : `${rounded(median)} (${rounded(lowerQuartile)} to ${rounded(upperQuartile)})`
}

/** `value bytes` for `valueBytes`. */
function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
