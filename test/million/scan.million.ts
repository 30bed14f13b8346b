import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, it } from 'vitest'
import { mergeReports, readReport, type CmkNeed, type ScanReport } from '../../src/operate/index.js'
import { BROKERS, run, slowBrokers, start, type Ended, type Running } from './commands.js'
import { randomOf } from './random.js'

const { seed, topic, records, folder, truth } = inject('million')
const random = randomOf(seed + 1)
/** The values of a million records alone are 270 MiB, so that a scan that keeps them fails. */
const MAX_RSS_MB = 260
/** Of objects; buffers are elsewhere. */
const HEAP = ['--max-old-space-size=64']
/** So long a reader takes at least that is to be killed. */
const SLOW_SECONDS = 40

/** What a report says, in the words of the truth. */
function told({ topics }: ScanReport): unknown {
  const [{ partitions, sessions, deks }] = topics as [ScanReport['topics'][number]]
  return {
    sessions: sessions.count.value,
    deks: Object.fromEntries(Object.entries(deks).map(([cmk, { count }]) => [cmk, count.value])),
    partitions: partitions.map(({ records: all, bytes, overheadBytes, tally }) => ({
      ...{ records: all, bytes, overheadBytes },
      rows: Object.fromEntries(
        Object.entries(tally).flatMap(([dimension, values]) =>
          Object.entries(values).map(([value, row]) => [`${dimension} ${value}`, row]),
        ),
      ),
    })),
  }
}

function isWhole(parts: readonly ScanReport[]): boolean {
  try {
    return mergeReports(parts).isComplete
  } catch (error) {
    expect(String(error)).toContain('were read by no scan')
    return false
  }
}

const fileOf = (name: string): string => join(folder, `${name}.json`)
const read = (name: string): Promise<ScanReport> => readReport(fileOf(name))
const between = (from: number, to: number): number => from + random() * (to - from)

/** Kills it between so many seconds after it has its first records. */
async function killAfter(
  running: Running,
  signal: 'SIGINT' | 'SIGKILL',
  [from, to]: readonly [number, number],
): Promise<Ended> {
  await running.reading
  await sleep(1000 * between(from, to))
  running.kill(signal)
  return running.ended
}

describe(`scan of ${String(records)} records, with SEED=${String(seed)}`, () => {
  it('it counts exactly, in memory that does not grow with the records', async () => {
    const tenth = await run(['scan', topic, ...BROKERS, '--from', String(Math.floor((records / 8) * 0.9))])
    const whole = await run(['scan', topic, ...BROKERS, '--report', fileOf('whole')], HEAP)
    expect([tenth.code, whole.code, whole.stderr]).toEqual([0, 0, ''])
    const report = await read('whole')
    expect(report.isComplete).toBe(true)
    expect(told(report)).toEqual(truth)
    console.log(
      `most memory: ${String(whole.maxRssMb)} MiB for all, ${String(tenth.maxRssMb)} MiB for a tenth`,
    )
    expect(whole.maxRssMb).toBeLessThan(MAX_RSS_MB)
  })

  it('killed at random moments and resumed, it counts the same', async () => {
    const slow = await slowBrokers(SLOW_SECONDS)
    const args = ['scan', topic, ...slow, '--report', fileOf('killed')]
    const ends: unknown[] = []
    // A report is written every ten seconds, and at Ctrl-C.
    for (const [signal, seconds] of [
      ['SIGKILL', [10, 16]],
      ['SIGINT', [0, 5]],
      ['SIGKILL', [0, 6]],
    ] as const) {
      const ended = await killAfter(start(args), signal, seconds)
      const { isComplete, topics } = await read('killed')
      const next = topics[0]?.partitions.reduce((sum, { records: all }) => sum + all, 0)
      ends.push([signal, ended.code, next])
      expect([ended.code, isComplete]).toEqual([signal === 'SIGINT' ? 130 : null, false])
    }
    console.log(`killed: ${JSON.stringify(ends)}`)
    const last = await run(['scan', topic, ...BROKERS, '--report', fileOf('killed')])
    expect(last.code).toBe(0)
    expect(told(await read('killed'))).toEqual(truth)
  })

  it('shared by two processes, of which one is killed, each record counts once', async () => {
    const slow = await slowBrokers(SLOW_SECONDS)
    const share = (name: string, brokers: readonly string[]): Running =>
      start(['scan', topic, ...brokers, '--group', `${topic}.shared`, '--report', fileOf(name)])
    const [a, b] = [share('a', slow), share('b', slow)]
    const killed = await killAfter(a, 'SIGKILL', [10, 16])
    expect(killed.code).toBe(null)
    const c = share('c', BROKERS)
    expect([(await b.ended).code, (await c.ended).code]).toEqual([0, 0])
    const parts = await Promise.all(['a', 'b', 'c'].map(read))
    const shares = parts.map(({ topics }) =>
      topics[0]?.partitions.reduce((sum, part) => sum + part.records, 0),
    )
    console.log(`records in the reports of three processes: ${shares.join(', ')}`)
    const merged = mergeReports(parts)
    expect(merged.isComplete).toBe(true)
    expect(told(merged)).toEqual(truth)
    // What only the killed process has read is missing without its report.
    const isEnough = (shares[1] ?? 0) + (shares[2] ?? 0) === records
    expect(isWhole(parts.slice(1))).toBe(isEnough)
  })

  it('--cmk answers which CMKs the topic needs', async () => {
    const ask = async (id: string): Promise<CmkNeed> => {
      const { stdout } = await run(['scan', 'merge', fileOf('whole'), '--cmk', id, '--json', ...BROKERS])
      return (JSON.parse(stdout) as { need: CmkNeed }).need
    }
    const rows = (id: string, dimension: string): [number, number][] =>
      truth.partitions.flatMap(({ rows }, partition) => {
        const row = rows[`${dimension} local ${id}`]
        return row === undefined ? [] : [[partition, row.records] as [number, number]]
      })
    for (const id of ['cards-2024', 'cards-2025', 'orders-2023']) {
      const { needed, partitions } = await ask(id)
      expect([id, needed]).toEqual([id, 'yes'])
      expect(partitions.map(({ partition, records: all }) => [partition, all])).toEqual(rows(id, 'cmk'))
      expect(partitions.map(({ partition, only }) => [partition, only])).toEqual(rows(id, 'onlyCmk'))
    }
    // The other CMK opens each record that `backup` wraps, but what is malformed might be under any.
    for (const id of ['backup', 'aborted-only', 'cards-2026']) {
      const { needed, unclear } = await ask(id)
      expect([id, needed]).toEqual([id, 'unclear'])
      expect(unclear.every((doubt) => /malformed|unknown format/.test(doubt))).toBe(true)
    }
  })
})
