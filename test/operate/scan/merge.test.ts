import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Distinct } from '../../../src/operate/scan/distinct.js'
import { mergeReports } from '../../../src/operate/scan/merge.js'
import { readReport, writeReport } from '../../../src/operate/scan/report-file.js'
import type { PartitionReport, ScanReport } from '../../../src/operate/scan/report.js'
import { emptyTally } from '../../../src/operate/scan/tally.js'

function run(partition: number, from: number, next: number, to = next): PartitionReport {
  const tally = emptyTally()
  const last = String(next - 1)
  tally.kind['sealed'] = {
    records: next - from,
    bytes: 5,
    first: String(from),
    last,
    earliest: from,
    latest: next,
  }
  return {
    partition,
    ...{ from: String(from), next: String(next), to: String(to) },
    ...{ records: next - from, bytes: 5, overheadBytes: 2, tally },
  }
}

function report(topic: string, partitions: PartitionReport[], sessions: string[] = []): ScanReport {
  const distinct = new Distinct()
  for (const session of sessions) distinct.add(Buffer.from(session))
  return {
    version: 1,
    startedAt: `2026-11-0${String(partitions.length)}T00:00:00.000Z`,
    isComplete: true,
    watched: [],
    topics: [{ topic, sessions: distinct, deks: { 'p cmk': distinct }, partitions }],
  }
}

describe('mergeReports', () => {
  it('one report comes of several: of other topics, of other partitions, of later offsets', () => {
    const merged = mergeReports([
      report('t', [run(0, 0, 10), run(1, 5, 6)], ['a', 'b']),
      report('u', [run(0, 0, 3)]),
      report('t', [run(0, 10, 30)], ['b', 'c']),
    ])
    expect(merged).toMatchObject({ startedAt: '2026-11-01T00:00:00.000Z', isComplete: true })
    expect(merged.topics.map(({ topic, partitions }) => [topic, partitions.length])).toEqual([
      ['t', 2],
      ['u', 1],
    ])
    const [t] = merged.topics
    expect(t?.sessions.count.value).toBe(3)
    expect(t?.deks['p cmk']?.count.value).toBe(3)
    expect(t?.partitions[0]).toMatchObject({ from: '0', next: '30', to: '30', records: 30, bytes: 10 })
    expect(t?.partitions[0]?.tally.kind['sealed']).toEqual({
      ...{ records: 30, bytes: 10, first: '0', last: '29', earliest: 0, latest: 30 },
    })
  })

  it('records that two scans read, or none, are refused by their offsets', () => {
    const [a, b, c] = [run(0, 0, 10), run(0, 9, 12), run(0, 11, 12)].map((part) => report('t', [part]))
    expect(() => mergeReports([b, a] as ScanReport[])).toThrow(
      'topic t, partition 0: the offsets from 9 up to 10 were read by two scans',
    )
    expect(() => mergeReports([c, a] as ScanReport[])).toThrow(
      'topic t, partition 0: the offsets from 10 up to 11 were read by no scan',
    )
  })

  it('a merged report is complete only if each partition was read to its end', () => {
    expect(mergeReports([report('t', [run(0, 0, 10, 12)])]).isComplete).toBe(false)
    expect(mergeReports([report('t', [run(0, 0, 10, 12)]), report('t', [run(0, 10, 12)])]).isComplete).toBe(
      true,
    )
  })
})

describe('merging reports of scans that did not end', () => {
  it('a later scan that has read nothing yet tells a later end, and an open transaction', () => {
    const of = (later: PartitionReport): ScanReport =>
      mergeReports([report('t', [run(0, 0, 10)]), report('t', [later])])
    expect(of({ ...run(0, 10, 10, 20) }).isComplete).toBe(false)
    expect(of({ ...run(0, 10, 10), openFrom: '10' }).topics[0]?.partitions).toMatchObject([
      { records: 10, openFrom: '10' },
    ])
  })

  it('it is not complete even if all records were read, because open transactions are not known', () => {
    const interrupted = { ...report('t', [run(0, 0, 10)]), isComplete: false }
    expect(mergeReports([interrupted]).isComplete).toBe(false)
    expect(mergeReports([interrupted, report('t', [run(0, 10, 20)])]).isComplete).toBe(true)
  })
})

describe('merging what the members of a group have read', () => {
  type Confirmation = 'confirmed' | 'unconfirmed'
  const part = (from: number, next: number, how: Confirmation = 'confirmed', to = 100): PartitionReport => ({
    ...run(0, from, next, to),
    begin: '0',
    ...(how === 'unconfirmed' && { isUnconfirmed: true }),
  })
  const member = (partitions: PartitionReport[], partitionCount = 1): ScanReport => {
    const made = report('t', partitions)
    return { ...made, topics: made.topics.map((topic) => ({ ...topic, partitionCount })) }
  }
  const merged = (...members: PartitionReport[][]): PartitionReport | undefined =>
    mergeReports(members.map((parts) => member(parts))).topics[0]?.partitions[0]

  it('runs that several members have read in turn make one', () => {
    const all = mergeReports([member([part(0, 10), part(60, 100)]), member([part(10, 60)])])
    expect(all.isComplete).toBe(true)
    expect(all.topics[0]?.partitions).toMatchObject([{ from: '0', next: '100', records: 100 }])
  })

  it('an unconfirmed run counts if nobody has read the same again, and not if somebody has', () => {
    expect(merged([part(0, 60), part(60, 80, 'unconfirmed')], [part(80, 100)])).toMatchObject({
      records: 100,
    })
    expect(merged([part(0, 60), part(60, 80, 'unconfirmed')], [part(60, 100)])).toMatchObject({
      records: 100,
    })
    expect(merged([part(0, 60), part(60, 80, 'unconfirmed')])).toMatchObject({ next: '80', records: 80 })
  })

  it.each([
    // The first two members were killed before, the third one after the offset 90 was committed.
    [[part(60, 95, 'unconfirmed')], [part(60, 90, 'unconfirmed')], [part(90, 100)]],
    [[part(60, 95, 'unconfirmed')], [part(60, 90, 'unconfirmed')], [part(90, 100, 'unconfirmed')]],
    [
      [part(60, 95, 'unconfirmed')],
      [part(60, 90, 'unconfirmed')],
      [part(90, 97, 'unconfirmed'), part(97, 100)],
    ],
    [[part(60, 90, 'unconfirmed')], [part(60, 95, 'unconfirmed')], [part(60, 100)]],
  ])('whichever of the unconfirmed runs fit are taken: case %#', (...members) => {
    expect(merged([part(0, 60)], ...members)).toMatchObject({ from: '0', next: '100', records: 100 })
  })

  it('a confirmed run is never left out: what it has in common with another is refused', () => {
    expect(() => merged([part(0, 60)], [part(50, 100)])).toThrow(
      'topic t, partition 0: the offsets from 50 up to 60 were read by two scans',
    )
    // That cannot be by what the members do.
    expect(() => merged([part(0, 40)], [part(40, 60, 'unconfirmed')], [part(50, 100)])).toThrow(
      'topic t, partition 0: the offsets from 40 up to 50 were read by no scan',
    )
  })

  it('it is not complete without the beginning, the end, or a partition', () => {
    const isComplete = (count: number, ...parts: PartitionReport[]): boolean =>
      mergeReports([member(parts, count)]).isComplete
    expect(isComplete(1, part(0, 100))).toBe(true)
    expect(isComplete(1, part(10, 100))).toBe(false)
    expect(isComplete(1, part(0, 90))).toBe(false)
    expect(isComplete(2, part(0, 100))).toBe(false)
  })

  it('a partition that was empty takes part, whoever saw it first', () => {
    const empty = part(0, 0, 'unconfirmed', 0)
    expect(merged([empty])).toMatchObject({ from: '0', next: '0', records: 0 })
    expect(mergeReports([member([empty])]).isComplete).toBe(true)
    expect(merged([empty], [part(0, 100)])).toMatchObject({ from: '0', next: '100' })
  })

  it('a report of a killed member is complete only with one of a member that has ended, which knows open transactions', () => {
    const of = (
      isDone: boolean,
      partitions: PartitionReport[],
      open: { partition: number; from: string }[] = [],
    ): ScanReport => {
      const made = member(partitions)
      const topics = made.topics.map((topic) => ({ ...topic, open }))
      return { ...made, isComplete: false, group: { id: 'g', isDone }, topics }
    }
    const killed = of(false, [part(0, 100, 'unconfirmed')])
    expect(mergeReports([killed]).isComplete).toBe(false)
    const all = mergeReports([killed, of(true, [], [{ partition: 0, from: '100' }])])
    expect(all.isComplete).toBe(true)
    expect(all.topics[0]?.partitions).toMatchObject([{ records: 100, openFrom: '100' }])
  })

  it('what is merged is no part any more', () => {
    const all = mergeReports([{ ...member([part(0, 100, 'unconfirmed')]), group: { id: 'g', isDone: true } }])
    expect(all.group).toBeUndefined()
    expect(all.topics[0]?.partitions[0]?.isUnconfirmed).toBeUndefined()
  })
})

describe('a report in a file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'report-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('it is read as it was written, replaces the one before, and leaves no other file', async () => {
    const file = join(folder, 'report.json')
    await writeReport(file, report('t', [run(0, 0, 1)]))
    const written = report('t', [run(0, 0, 10), run(1, 5, 6)], ['a', 'b'])
    await writeReport(file, written)
    const read = await readReport(file)
    expect(JSON.stringify(read)).toBe(JSON.stringify(written))
    expect(read.topics[0]?.sessions.count).toEqual({ value: 2, exact: true })
    expect(await readdir(folder)).toEqual(['report.json'])
  })

  it('what a process that was killed left behind does not hinder its successor of the same number', async () => {
    const file = join(folder, 'left.json')
    await writeFile(`${file}.${String(process.pid)}.tmp`, '')
    await writeReport(file, report('t', [run(0, 0, 1)]))
    expect((await readReport(file)).topics).toHaveLength(1)
  })

  it.each(['', '{', '[]', '{"version":2}', JSON.stringify({ ...report('t', []), more: 1 })])(
    'a file that holds %s is not taken for one',
    async (text) => {
      const file = join(folder, 'other.json')
      await writeFile(file, text)
      await expect(readReport(file)).rejects.toThrow(`${file} is not a report of kafka-envelope scan`)
    },
  )
})
