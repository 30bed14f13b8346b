import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { memoryChart } from '../../faults/pages/memory-chart.js'
import { pages } from '../../faults/pages/pages.js'
import { withResults } from '../../faults/pages/table.js'
import type { Report } from '../../faults/harness/report.js'
import { allSchedules } from '../../faults/schedules.js'

const read = (file: string) => readFile(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8')

it('the page and the chart of the fault suite show the newest results that are committed', async () => {
  for (const [file, text] of await pages()) expect(await read(file), file).toBe(text)
})

it('the page of the fault suite names every schedule, also one that has no results', async () => {
  const page = await read('docs/faults.md')
  const names = (await allSchedules()).map(({ name }) => name)
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  const machine = { startedAt: '', commit: '', load: [] } as unknown as Report['machine']
  const report: Report = {
    ...{ machine, seed: 1, isLong: true },
    ...{ outcomes: [], numPassedTests: 0, numFailedTests: 0 },
  }
  expect(withResults('<!-- results --><!-- end of results -->', [report], ['new'])).toContain(
    'Not in this run: `new`.',
  )
})

it('a page without marks, and a soak without series, are errors: they would look complete', () => {
  expect(() => withResults('no marks', [], [])).toThrow('no marks')
  expect(() => memoryChart({ series: {} })).toThrow('no series')
})
