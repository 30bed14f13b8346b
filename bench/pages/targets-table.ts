import { FLOORS, type Floor } from '../floors.js'
import { findCase, type Case, type Metric } from '../harness/result.js'
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

/** What was measured beside each target; empty if none of these cases has one. */
export function targetsTable(cases: readonly Case[]): string {
  const rows = FLOORS.flatMap((floor) => {
    const found = findCase(cases, floor)
    return found === undefined ? [] : [rowOf(floor, found)]
  })
  const head = ['', '', 'node', 'target', 'native', 'target']
  const rule = ['---', '---', '---:', '---:', '---:', '---:']
  return rows.length === 0 ? '' : [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function rowOf(floor: Floor, { figures }: Case): string[] {
  const { name, parameters, metric, against, better, limits } = floor
  const engines = (['node', 'native'] as const).flatMap((engine) => {
    const { target } = limits[engine]
    const figure = figures.find((f) => f.contender === engine && f.metric === metric && f.against === against)
    if (figure === undefined) return ['', '']
    const isReached = better === 'more' ? figure.median >= target : figure.median <= target
    const measured = isReached ? rounded(figure.median) : `${rounded(figure.median)}, missed`
    return [measured, `${better === 'more' ? '≥' : '≤'} ${rounded(target)}`]
  })
  const unit = UNITS[metric] ?? metric
  const isRatio = metric === 'speedRatio' || metric === 'sizeRatio' || metric === 'cpuTimes'
  const compared = isRatio && against !== undefined ? `${unit}, × ${AGAINST[against] ?? against}` : unit
  return [`${name} (${listed(parameters)})`, compared, ...engines]
}
