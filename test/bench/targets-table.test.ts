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
const block: Case = {
  part: 'largeBatch',
  name: 'openRecords',
  parameters: { valueBytes: 1024, records: 50_000 },
  rounds: 1,
  figures: [figureOver('node', 'longestBlockMilliseconds', [60])],
}

it('the table of targets says what was measured, and which targets were missed', () => {
  expect(targetsTable([block, seal]).split('\n')).toEqual([
    '|  |  | node | target | native | target |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    '| seal (valueBytes 1,024) | speed, × floor | 1.5 | ≥ 1.4 | 5, missed | ≥ 6 |',
    '| openRecords (valueBytes 1,024) | longest block, ms | 60, missed | ≤ 50 |  |  |',
  ])
})

it('cases without a target have no table of targets', () => {
  expect(targetsTable([{ ...seal, part: 'peers' }])).toBe('')
})
