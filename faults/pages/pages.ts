import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import prettier from 'prettier'
import { allSchedules } from '../schedules.js'
import type { Report } from '../harness/report.js'
import { memoryChart } from './memory-chart.js'
import { withResults } from './table.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RESULTS = 'faults/results'
const PAGE = 'docs/faults.md'

/** What shows results, by its file: the newest of `faults/results/`. */
export async function pages(): Promise<Map<string, string>> {
  const newest = (await readdir(join(ROOT, RESULTS)))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .at(-1)
  if (newest === undefined) throw new Error(`there are no results in ${RESULTS}`)
  const report = JSON.parse(await readFile(join(ROOT, RESULTS, newest), 'utf8')) as Report
  const soak = report.outcomes.find(({ name }) => name === 'soak')
  if (soak === undefined) throw new Error(`${newest} has no soak: it is not of the long form`)
  const options = await prettier.resolveConfig(join(ROOT, PAGE))
  const names = (await allSchedules()).map(({ name }) => name)
  const text = withResults(await readFile(join(ROOT, PAGE), 'utf8'), report, names)
  return new Map([
    [PAGE, await prettier.format(text, { ...options, filepath: PAGE })],
    ['docs/images/soak.svg', memoryChart(soak)],
  ])
}
