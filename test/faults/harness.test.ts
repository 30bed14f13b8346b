import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { consumedIn, Ledger, producedIn } from '../../faults/harness/ledger.js'
import { countInLogs } from '../../faults/harness/plaintext.js'
import { Progress } from '../../faults/harness/progress.js'
import { randomOf } from '../../faults/harness/random.js'
import { CANARY, FORGED, numberedIn, valueOf } from '../../faults/harness/record.js'
import { Tail } from '../../faults/harness/tail.js'
import { allSchedules } from '../../faults/schedules.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faults-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const record = { producer: 'p', n: 7, key: 'key-7' }
const key = Buffer.from(record.key)

it('a numbered record says who sent it, and any change of it is noticed', () => {
  const value = Buffer.from(valueOf(record))
  expect(value.length).toBeGreaterThan(120)
  expect(numberedIn(key, value)).toEqual(record)
  expect(numberedIn(Buffer.from('key-8'), value)).toBeUndefined()
  for (const wrong of [
    null,
    Buffer.from(FORGED),
    Buffer.from(valueOf({ ...record, n: 8 }).replace(' 8 ', ' 7 ')),
  ])
    expect(numberedIn(key, wrong)).toBeUndefined()
})

it('a seed draws the same for a schedule, whatever ran before it', () => {
  const draw = (seed: number, name: string) => {
    const random = randomOf(seed, name)
    return Array.from({ length: 8 }, () => random.int(0, 1_000_000))
  }
  expect(draw(1, 'a')).toEqual(draw(1, 'a'))
  expect(draw(1, 'a')).not.toEqual(draw(2, 'a'))
  expect(draw(1, 'a')).not.toEqual(draw(1, 'b'))
})

it('drawn numbers reach both ends and stay between them', () => {
  const random = randomOf(3, 'bounds')
  const drawn = new Set(Array.from({ length: 200 }, () => random.int(2, 4)))
  expect([...drawn].sort()).toEqual([2, 3, 4])
  expect(random.pick(['only'])).toBe('only')
  const choices = [1, 2, 3, 4, 5, 6]
  expect(random.shuffled(choices).sort()).toEqual(choices)
  expect(new Set(Array.from({ length: 50 }, () => random.shuffled(choices).join())).size).toBeGreaterThan(30)
})

it('a ledger gives back what was written into it, while it grows', () => {
  const path = join(folder, 'ledger')
  const ledger = new Ledger(path)
  const tail = new Tail(path)
  const sent = { at: 1, what: 'sent', producer: 'p', from: 0, to: 10 } as const
  ledger.produced(sent)
  expect([...tail.lines()].map(producedIn)).toEqual([sent])
  const place = { at: 2, topic: 't', partition: 1, offset: 5 }
  const deliveries = [
    { ...place, record },
    { ...place, record: undefined },
  ]
  ledger.consumed(deliveries)
  expect([...tail.lines()].map(consumedIn)).toEqual(deliveries)
  expect([...tail.lines()]).toEqual([])
})

it('a line that is not whole yet is left for later', async () => {
  const path = join(folder, 'partial')
  const tail = new Tail(path)
  expect([...tail.lines()]).toEqual([])
  await writeFile(path, 'first\nsec')
  expect([...tail.lines()]).toEqual(['first'])
  await appendFile(path, 'ond\n')
  expect([...tail.lines()]).toEqual(['second'])
})

it('progress counts records once, and misses what is acknowledged and not delivered', () => {
  const [sent, got] = ['sent', 'got'].map((name) => join(folder, name)) as [string, string]
  const progress = new Progress()
  progress.produced(new Tail(sent))
  progress.consumed(new Tail(got))
  new Ledger(sent).produced({ at: 1, what: 'acked', producer: 'p', from: 0, to: 3 })
  expect(progress.look().missing).toBe(3)
  const delivery = (n: number) => ({
    ...{ at: 1, topic: 't', partition: 0, offset: n },
    record: { producer: 'p', n, key: 'k' },
  })
  new Ledger(got).consumed([delivery(0), delivery(0), delivery(2)])
  expect(progress.look()).toMatchObject({ missing: 1, acknowledged: 3, delivered: 2 })
  expect([...progress.of]).toEqual([
    ['t', 2],
    ['p', 2],
  ])
})

it('plaintext in the log folder of a topic is found, also across the bounds of what is read at once', async () => {
  const data = join(folder, 'data')
  for (const name of ['orders-0', 'orders-1', 'others-0']) await mkdir(join(data, name), { recursive: true })
  await writeFile(join(data, 'others-0', '0.log'), CANARY)
  await writeFile(join(data, 'orders-0', '0.log'), 'sealed')
  expect(await countInLogs(CANARY, { dataFolder: data, topics: ['orders'] })).toBe(0)
  await writeFile(join(data, 'orders-1', '0.log'), `${'x'.repeat(2 ** 20 - 9)}${CANARY} and ${CANARY}`)
  expect(await countInLogs(CANARY, { dataFolder: data, topics: ['orders'] })).toBe(2)
})

it('a search for plaintext in the wrong place is an error', async () => {
  await mkdir(join(folder, 'empty'))
  const place = { dataFolder: join(folder, 'empty'), topics: ['orders'] }
  await expect(countInLogs(CANARY, place)).rejects.toThrow('no folder of orders')
})

it('schedules have names of their own, which can be topics', async () => {
  const names = (await allSchedules()).map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^[a-z\d-]+$/)
})
