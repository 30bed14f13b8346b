import { expect, it } from 'vitest'
import { figureOver, type Case, type Figure } from '../../bench/harness/result.js'
import { targetsTable } from '../../bench/pages/targets-table.js'

const ratio = (contender: string, number: number): Figure => ({
  ...figureOver(contender, 'speedRatio', [number]),
  against: 'floor',
})
const seal: Case = {
  part: 'micro',
  name: 'seal',
  parameters: { valueBytes: 1024, batch: 500 },
  rounds: 1,
  figures: [ratio('node', 1.5), ratio('native', 5)],
}
const batch: Case = {
  part: 'endToEnd',
  name: 'eachBatch',
  parameters: { valueBytes: 1024, records: 10_000 },
  rounds: 1,
  figures: (['speedRatio', 'cpuAddedInFloorOperations'] as const).flatMap((metric) =>
    ['node', 'bare node', 'plain'].map((contender, i) => ({
      ...figureOver(contender, metric, [0.4 + i / 100]),
      against: 'plainAtSealedSize',
    })),
  ),
}
const block: Case = {
  part: 'largeBatch',
  name: 'openRecords',
  parameters: { valueBytes: 1024, records: 50_000 },
  rounds: 1,
  figures: [figureOver('node', 'longestBlockMilliseconds', [60])],
}

it('the table of targets says what was measured, which targets were missed, and what a bare handler reaches', () => {
  expect(targetsTable([block, seal, batch]).split('\n')).toEqual([
    '|  |  | node | target | bare | native | target | bare |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| seal (valueBytes 1,024) | speed, × floor | 1.5 | ≥ 1.4 |  | 5, missed | ≥ 6 |  |',
    '| eachBatch (valueBytes 1,024) | speed, × plain, as many bytes | 0.4, missed | ≥ 0.45 | 0.41 |  |  |  |',
    '| eachBatch (valueBytes 1,024) | CPU added, floor operations | 0.4 | ≤ 1.1 | 0.41 |  |  |  |',
    '| openRecords (valueBytes 1,024) | longest block, ms | 60, missed | ≤ 50 |  |  |  |  |',
  ])
})

it('a table of targets without bare handlers has no column for them', () => {
  expect(targetsTable([block]).split('\n')).toEqual([
    '|  |  | node | target | native | target |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    '| openRecords (valueBytes 1,024) | longest block, ms | 60, missed | ≤ 50 |  |  |',
  ])
})

it('cases without a target have no table of targets', () => {
  expect(targetsTable([{ ...seal, part: 'peers' }])).toBe('')
})
