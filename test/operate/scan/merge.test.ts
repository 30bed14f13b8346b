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
