import { rounded } from '../../bench/table.js'
import type { Report } from '../harness/report.js'
import type { Outcome } from '../harness/run.js'

const BETWEEN = /<!-- results -->[^]*<!-- end of results -->/

/** The page with the results between its marks. @param all the names of all schedules */
export function withResults(page: string, report: Report, all: readonly string[]): string {
  if (!BETWEEN.test(page)) throw new Error('the page has no marks for the results')
  const { machine, seed, isLong, outcomes, numPassedTests, numFailedTests } = report
  const about =
    `The ${isLong ? 'long' : 'short'} form with seed ${String(seed)}, on ${machine.startedAt.slice(0, 10)} at commit ` +
    `\`${machine.commit.slice(0, 10)}\`: Node.js ${machine.node}, ${machine.platform}, ${String(machine.cores)} cores ` +
    `(${machine.cpu}), ${String(machine.memoryGiB)} GiB of memory, load ` +
    `${machine.load.join(', ')} at the start. ${String(numPassedTests)} schedules passed, ` +
    `${String(numFailedTests)} failed.`
  const leftOut = all.filter((name) => !outcomes.some((outcome) => outcome.name === name))
  const missing =
    leftOut.length === 0 ? [] : [`Not in this run: ${leftOut.map((name) => `\`${name}\``).join(', ')}.`]
  const parts = ['<!-- results -->', about, ...missing, accountsTable(outcomes), figuresTable(outcomes)]
  return page.replace(BETWEEN, () => [...parts, '<!-- end of results -->'].join('\n\n'))
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
function figuresTable(outcomes: readonly Outcome[]): string {
  return table(
    ['schedule', 'measured', 'may come twice'],
    outcomes
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
      .filter((cells) => cells.slice(1).some((cell) => cell !== '')),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A bar would end a cell.
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
