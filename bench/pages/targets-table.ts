import { FLOORS, type Floor } from '../floors.js'
import { findCase, type Case, type Figure, type Metric } from '../harness/result.js'
import { bareName } from '../parts/bare.js'
import { listed, rounded } from '../table.js'

const UNITS: Partial<Record<Metric, string>> = {
  speedRatio: 'speed',
  sizeRatio: 'bytes',
  cpuTimes: 'CPU',
  cpuAddedInFloorOperations: 'CPU added, floor operations',
  sendMillisecondsP99Added: 'p99 added, ms',
  longestBlockMilliseconds: 'longest block, ms',
}
const AGAINST: Readonly<Record<string, string>> = { plainAtSealedSize: 'plain, as many bytes' }

const BARE_COLUMNS: readonly number[] = [4, 7]

/**
 * What was measured beside each target, and what a bare handler reaches where there is one; empty if none of these cases
 * has a target.
 */
export function targetsTable(cases: readonly Case[]): string {
  const rows = FLOORS.flatMap((floor) => {
    const found = findCase(cases, floor)
    return found === undefined ? [] : [rowOf(floor, found)]
  })
  const head = ['', '', 'node', 'target', 'bare', 'native', 'target', 'bare']
  const rule = ['---', '---', ...Array.from({ length: 6 }, () => '---:')]
  if (rows.length === 0) return ''
  const hasBare = rows.some((row) => BARE_COLUMNS.some((i) => row[i] !== ''))
  const shown = (row: string[]): string[] => (hasBare ? row : row.filter((_, i) => !BARE_COLUMNS.includes(i)))
  return [head, rule, ...rows].map((row) => `| ${shown(row).join(' | ')} |`).join('\n')
}

function rowOf(floor: Floor, { figures }: Case): string[] {
  const { name, parameters, metric, against, better, limits } = floor
  const engines = (['node', 'native'] as const).flatMap((engine) => {
    const { target } = limits[engine]
    const of = (contender: string): Figure | undefined =>
      figures.find((f) => f.contender === contender && f.metric === metric && f.against === against)
    const figure = of(engine)
    if (figure === undefined) return ['', '', '']
    const bare = of(bareName(engine))
    const isReached = better === 'more' ? figure.median >= target : figure.median <= target
    const measured = isReached ? rounded(figure.median) : `${rounded(figure.median)}, missed`
    return [
      measured,
      `${better === 'more' ? '≥' : '≤'} ${rounded(target)}`,
      bare === undefined ? '' : rounded(bare.median),
    ]
  })
  const unit = UNITS[metric] ?? metric
  const isRatio = metric === 'speedRatio' || metric === 'sizeRatio' || metric === 'cpuTimes'
  const compared = isRatio && against !== undefined ? `${unit}, × ${AGAINST[against] ?? against}` : unit
  return [`${name} (${listed(parameters)})`, compared, ...engines]
}
