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

/** Parts that are on pages of their own. */
const ELSEWHERE = ['size', 'secrets']

/** What shows results, by its file: for each page, the newest of `bench/results/` that has something for it. */
export async function pages(): Promise<Map<string, string>> {
  const names = (await readdir(join(ROOT, RESULTS))).filter((name) => name.endsWith('.json')).sort()
  const results = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(ROOT, RESULTS, name), 'utf8')) as Result),
  )
  const newest = (isOfPage: (part: string) => boolean): Result => {
    const own = results.map((each) => ({ ...each, cases: each.cases.filter(({ part }) => isOfPage(part)) }))
    const found = own.findLast(({ cases }) => cases.length > 0)
    if (found === undefined) throw new Error(`${RESULTS} has nothing for a page`)
    return found
  }
  const performance = newest((part) => !ELSEWHERE.includes(part))
  return new Map([
    ['docs/performance.md', await pageWith('docs/performance.md', performance)],
    [
      'docs/compression.md',
      await pageWith(
        'docs/compression.md',
        newest((part) => part === 'size'),
      ),
    ],
    [
      'docs/secrets.md',
      await pageWith(
        'docs/secrets.md',
        newest((part) => part === 'secrets'),
      ),
    ],
    ['docs/images/performance.svg', ratiosChart(performance)],
    ['docs/images/growth.svg', growthChart(performance)],
  ])
}

async function pageWith(page: string, result: Result): Promise<string> {
  const text = withTables(await readFile(join(ROOT, page), 'utf8'), result)
  const options = await prettier.resolveConfig(join(ROOT, page))
  return prettier.format(text, { ...options, filepath: page })
}
