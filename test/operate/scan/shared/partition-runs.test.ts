import type { KafkaMessage } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { Findings } from '../../../../src/operate/scan/findings.js'
import { PartitionScan } from '../../../../src/operate/scan/partition-scan.js'
import type { GroupPosition } from '../../../../src/operate/scan/shared/group-positions.js'
import { PartitionRuns } from '../../../../src/operate/scan/shared/partition-runs.js'

const at = (next: bigint, to = 100n): GroupPosition => ({ topic: 't', partition: 0, from: 0n, to, next })

const records = (from: number, to: number): KafkaMessage[] =>
  Array.from({ length: to - from }, (_, i) => ({
    ...{ key: null, value: Buffer.from('x'), offset: String(from + i), timestamp: '5' },
    ...{ attributes: 0, headers: {} },
  }))

function newRuns(): PartitionRuns {
  const findings = new Findings()
  return new PartitionRuns(
    [],
    (range) => new PartitionScan(range, findings, () => false),
    () => false,
  )
}

const read = (runs: PartitionRuns, from: number, to: number): void => {
  runs.count(records(from, to), () => undefined)
}
const shown = (runs: PartitionRuns): unknown =>
  runs.report().map(({ from, next, records: all, isUnconfirmed = false }) => [from, next, all, isUnconfirmed])

describe('PartitionRuns', () => {
  it('what was read is unconfirmed until the offset is committed, and confirmed runs are one', () => {
    const runs = newRuns()
    runs.takeUp(at(0n), false)
    read(runs, 0, 10)
    expect(runs.toCommit).toEqual(at(10n))
    runs.close()
    expect(shown(runs)).toEqual([['0', '10', 10, true]])
    runs.confirm(10n)
    expect(runs.toCommit).toBeUndefined()
    read(runs, 10, 30)
    runs.close()
    expect(shown(runs)).toEqual([
      ['0', '10', 10, false],
      ['10', '30', 20, true],
    ])
    runs.confirm(30n)
    expect(shown(runs)).toEqual([['0', '30', 30, false]])
  })

  it('a commit confirms all runs since the member owns the partition, also those whose own commit failed', () => {
    const runs = newRuns()
    runs.takeUp(at(0n), false)
    read(runs, 0, 10)
    runs.close()
    read(runs, 10, 20)
    runs.close()
    runs.confirm(20n)
    expect(shown(runs)).toEqual([['0', '20', 20, false]])
  })

  it('a member that keeps its partition goes on where it was, unless another one has committed meanwhile', () => {
    const runs = newRuns()
    runs.takeUp(at(0n), false)
    read(runs, 0, 10)
    runs.takeUp(at(0n), false)
    expect(runs.next).toBe(10n)
    runs.close()
    runs.takeUp(at(50n), true)
    expect(runs.next).toBe(50n)
    read(runs, 50, 60)
    runs.close()
    runs.confirm(60n)
    expect(shown(runs)).toEqual([
      ['0', '10', 10, true],
      ['50', '60', 10, false],
    ])
  })

  it('a partition that another member owns is not counted, and what was not written of it is forgotten', () => {
    const runs = newRuns()
    runs.takeUp(at(0n), false)
    read(runs, 0, 10)
    runs.leave()
    read(runs, 10, 20)
    expect([runs.next, runs.toCommit, runs.ahead]).toEqual([undefined, undefined, 0n])
    runs.takeUp(at(0n), false)
    expect(runs.next).toBe(0n)
    expect(shown(runs)).toEqual([])
  })

  it('records are counted once, up to the end of the range', () => {
    const runs = newRuns()
    runs.takeUp(at(0n, 15n), false)
    read(runs, 0, 10)
    read(runs, 5, 20)
    expect(runs.next).toBeUndefined()
    runs.close()
    expect(shown(runs)).toEqual([['0', '15', 15, true]])
  })

  it('an empty partition is told once, so that the group knows that it is read', () => {
    const runs = newRuns()
    runs.takeUp(at(0n, 0n), false)
    expect(runs.toCommit).toEqual(at(0n, 0n))
    runs.close()
    runs.close()
    expect(shown(runs)).toEqual([['0', '0', 0, true]])
    runs.confirm(0n)
    expect(runs.toCommit).toBeUndefined()
    expect(shown(runs)).toEqual([['0', '0', 0, false]])
  })
})
