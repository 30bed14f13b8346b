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

/**
 * What shows results, by its file: of `faults/results/`, the newest with a soak, which is a whole run of the long form, and
 * what was run again after it.
 */
export async function pages(): Promise<Map<string, string>> {
  const files = (await readdir(join(ROOT, RESULTS))).filter((name) => name.endsWith('.json')).sort()
  const reports = await Promise.all(
    files.map(async (name) => JSON.parse(await readFile(join(ROOT, RESULTS, name), 'utf8')) as Report),
  )
  const whole = reports.findLastIndex(({ outcomes }) => outcomes.some(isSoak))
  const soak = reports[whole]?.outcomes.find(isSoak)
  if (soak === undefined) throw new Error(`there are no results of the long form in ${RESULTS}`)
  const options = await prettier.resolveConfig(join(ROOT, PAGE))
  const names = (await allSchedules()).map(({ name }) => name)
  const text = withResults(await readFile(join(ROOT, PAGE), 'utf8'), reports.slice(whole), names)
  return new Map([
    [PAGE, await prettier.format(text, { ...options, filepath: PAGE })],
    ['docs/images/soak.svg', memoryChart(soak)],
  ])
}

function isSoak({ name }: { readonly name: string }): boolean {
  return name === 'soak'
}
