import { rounded } from '../../bench/table.js'
import type { Report } from '../harness/report.js'
import type { Outcome } from '../harness/run.js'

const BETWEEN = /<!-- results -->[^]*<!-- end of results -->/

/**
 * The page with the results between its marks.
 *
 * @param reports a whole run, and what was run again after it
 * @param all the names of all schedules
 */
export function withResults(page: string, reports: readonly Report[], all: readonly string[]): string {
  if (!BETWEEN.test(page)) throw new Error('the page has no marks for the results')
  const [whole, ...later] = reports
  const leftOut = all.filter((name) => whole?.outcomes.some((outcome) => outcome.name === name) !== true)
  const parts = [
    '<!-- results -->',
    ...(whole === undefined ? [] : [about(whole)]),
    ...(leftOut.length === 0 ? [] : [`Not in this run: ${leftOut.map((name) => `\`${name}\``).join(', ')}.`]),
    ...(whole === undefined ? [] : tables(whole)),
    ...later.flatMap((report) => ['Run again after that:', about(report), ...tables(report)]),
    '<!-- end of results -->',
  ]
  return page.replace(BETWEEN, () => parts.join('\n\n'))
}

function about({ machine, seed, isLong, numPassedTests, numFailedTests }: Report): string {
  return (
    `The ${isLong ? 'long' : 'short'} form with seed ${String(seed)}, on ${machine.startedAt.slice(0, 10)} at commit ` +
    `\`${machine.commit.slice(0, 10)}\`: Node.js ${machine.node}, ${machine.platform}, ${String(machine.cores)} cores ` +
    `(${machine.cpu}), ${String(machine.memoryGiB)} GiB of memory, load ` +
    `${machine.load.join(', ')} at the start. ${String(numPassedTests)} schedules passed, ` +
    `${String(numFailedTests)} failed.`
  )
}

function tables({ outcomes }: Report): string[] {
  return [accountsTable(outcomes), ...figuresTable(outcomes)]
}

function accountsTable(outcomes: readonly Outcome[]): string {
  return table(
    [
      ...['schedule', 'what breaks', 'acknowledged', 'delivered', 'lost', 'written twice', 'delivered twice'],
      ...['out of order', 'unauthenticated', 'plaintexts', 'seconds', ''],
    ],
    outcomes.map(({ name, what, accounts, plaintexts, seconds, faults, endedEarly }) => [
      `\`${name}\``,
      what,
      ...[accounts.acknowledged, accounts.delivered].map(rounded),
      endedEarly === true ? 'not known' : rounded(accounts.lost),
      ...[accounts.writtenTwice, accounts.deliveredTwice, accounts.disordered].map(rounded),
      ...[accounts.unauthenticated + accounts.unknown, plaintexts, Math.round(seconds)].map(rounded),
      faults.length === 0 ? 'passed' : `failed: ${faults[0] ?? ''}`,
    ]),
  )
}

/** What schedules measured, and why a record may come twice. */
function figuresTable(outcomes: readonly Outcome[]): string[] {
  const rows = outcomes
    .map(({ name, figures, mayDouble }): string[] => [
      `\`${name}\``,
      Object.entries(figures)
        .map(([figure, value]) => `${figure}: ${rounded(value)}`)
        .join('; '),
      (['written', 'delivered'] as const)
        .filter((where) => mayDouble[where] !== undefined)
        .map((where) => `${where}: ${mayDouble[where] ?? ''}`)
        .join('; '),
    ])
    .filter((cells) => cells.slice(1).some((cell) => cell !== ''))
  return rows.length === 0 ? [] : [table(['schedule', 'measured', 'may come twice'], rows)]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A bar would end a cell.
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
