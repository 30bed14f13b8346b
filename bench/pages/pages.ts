import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import prettier from 'prettier'
import type { Result } from '../harness/result.js'
import { growthChart } from './growth-chart.js'
import { ratiosChart } from './ratios-chart.js'
import { withTables } from './tables.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RESULTS = 'bench/results'

/** What shows results, by its file: the newest of `bench/results/`. */
export async function pages(): Promise<Map<string, string>> {
  const newest = (await readdir(join(ROOT, RESULTS)))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .at(-1)
  if (newest === undefined) throw new Error(`there are no results in ${RESULTS}`)
  const result = JSON.parse(await readFile(join(ROOT, RESULTS, newest), 'utf8')) as Result
  const [sizes, others] = [
    result.cases.filter(({ part }) => part === 'size'),
    result.cases.filter(({ part }) => part !== 'size'),
  ]
  return new Map([
    ['docs/performance.md', await pageWith('docs/performance.md', { ...result, cases: others })],
    ['docs/compression.md', await pageWith('docs/compression.md', { ...result, cases: sizes })],
    ['docs/images/performance.svg', ratiosChart(result)],
    ['docs/images/growth.svg', growthChart(result)],
  ])
}

async function pageWith(page: string, result: Result): Promise<string> {
  if (result.cases.length === 0) throw new Error(`the results have nothing for ${page}`)
  const text = withTables(await readFile(join(ROOT, page), 'utf8'), result)
  const options = await prettier.resolveConfig(join(ROOT, page))
  return prettier.format(text, { ...options, filepath: page })
}
