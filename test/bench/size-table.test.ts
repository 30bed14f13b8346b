import { expect, it } from 'vitest'
import { figureOver, type Case } from '../../bench/harness/result.js'
import { sizeTable } from '../../bench/pages/size-table.js'

function sized(way: string, batch: number, plain: number, node: number): Case {
  return {
    part: 'size',
    name: `JSON orders: ${way}`,
    parameters: { valueBytes: 685, batch },
    rounds: 1,
    figures: [
      figureOver('plain', 'bytesPerRecord', [plain]),
      figureOver('node', 'bytesPerRecord', [node]),
      { ...figureOver('node', 'sizeRatio', [node / plain]), against: 'plain' },
    ],
  }
}

it('the table of sizes has a row for each way and a column for each size of a batch', () => {
  const cases = [sized('sealed', 1, 500, 1000), sized('gzip', 1, 500, 600), sized('sealed', 20, 100, 700)]
  expect(sizeTable(cases).split('\n')).toEqual([
    '| Bytes a record, × plain | batches of 1 | batches of 20 |',
    '| --- | ---: | ---: |',
    '| plain, gzip over the batch | 500 | 100 |',
    '| sealed (node) | 1,000 (2) | 700 (7) |',
    '| gzip (node) | 600 (1.2) |  |',
  ])
})
