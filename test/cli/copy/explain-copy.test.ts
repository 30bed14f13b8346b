import { expect, it } from 'vitest'
import { explainCopy, isWhole } from '../../../src/cli/copy/explain-copy.js'
import type { CopiedPartition, CopyReport } from '../../../src/operate/index.js'

function reportOf(partition: Partial<CopiedPartition>): CopyReport {
  const copied = {
    partition: 0,
    records: 2,
    bytesRead: 10,
    bytesWritten: 12,
    next: '5',
    end: '5',
    ...partition,
  }
  return { from: 'orders', to: 'orders.new', group: 'move', partitions: [copied] }
}

it('a copy of all that a topic held is whole, and has no note', () => {
  const report = reportOf({})
  expect(isWhole(report)).toBe(true)
  expect(explainCopy(report, 'resealed', '1 new DEK')).not.toMatch('Partition 0:')
})

it('a copy is not whole if the broker gave nothing for its last offsets', () => {
  const report = reportOf({ next: '3' })
  expect(isWhole(report)).toBe(false)
  expect(explainCopy(report, 'resealed', '1 new DEK')).toMatch(
    'Partition 0: the broker gave nothing from offset 3 to its end, 5; compaction may have removed the records.',
  )
})

it('a copy is not whole if a transaction is open, and says so', () => {
  const report = reportOf({ openFrom: '5' })
  expect(isWhole(report)).toBe(false)
  expect(explainCopy(report, 'resealed', '1 new DEK')).toMatch(
    'Partition 0: a transaction is open from offset 5 on, so nothing from there on is copied. Run the command again once it has ended.',
  )
})
