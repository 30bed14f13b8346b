import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { nodeEngine, type Engine } from '../../src/crypto/engine.js'
import { EventHub } from '../../src/events.js'
import { systemClock } from '../../src/clock.js'
import { DekRotations } from '../../src/keys/sealing/dek-rotations.js'
import { openRecords } from '../../src/record/index.js'
import { openAll, type Opening } from '../../src/record/opening.js'
import type { SealedRecord } from '../../src/record/record.js'
import { TopicRules } from '../../src/record/topic-rules.js'
import { Sealer } from '../../src/record/sealer.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { cmk, craft, openerOf, wrapping } from './crafted.js'

const FASTER: Engine = { ...nodeEngine, opensInTurn: 3000 }

/** How many records have their outcome after each step. */
async function stepsOf(opening: Opening): Promise<number[]> {
  const steps = [opening.results.length]
  while (!opening.isDone) {
    await opening.ready()
    opening.proceed()
    steps.push(opening.results.length)
  }
  return steps
}

describe('opening a batch', () => {
  it('opening a batch is synchronous if its keys are cached', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    const batch = [{ value: craft() }, { value: craft() }]
    const first = opener.begin({ topic: 't' }, batch)
    expect(first.isDone).toBe(false)
    await openAll(first)
    const again = opener.begin({ topic: 't' }, batch)
    expect(again.isDone).toBe(true)
    expect(again.results.map(({ value }) => value?.toString())).toEqual([CANARY, CANARY])
  })

  it.each([
    ['node:crypto', nodeEngine, [2000, 2500, 3000, 3500, 4000, 4500, 5000]],
    ['a faster engine', FASTER, [3000, 3750, 4500, 5000]],
  ])(
    'opening a large batch yields to the event loop after as many records as %s opens in a turn, then after a quarter of that',
    async (_, engine, steps) => {
      const opener = openerOf([await cmk(wrapping('near', 'a'), [])], {}, engine)
      const value = craft({ body: Buffer.from(CANARY.repeat(50)) })
      await openAll(opener.begin({ topic: 't' }, [{ value }]))
      const opening = opener.begin({ topic: 't' }, Array<SealedRecord>(5000).fill({ value }))
      expect(await stepsOf(opening)).toEqual(steps)
    },
  )

  it('opening a batch of compressed values yields to the event loop after 200, then after every 50', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    const plain = craft()
    const value = craft({ header: { compression: 1 }, body: gzipSync(CANARY) })
    await openAll(opener.begin({ topic: 't' }, [{ value: plain }, { value }]))
    const batch = Array.from({ length: 1000 }, (_, i) => ({ value: i % 2 === 0 ? plain : value }))
    const opening = opener.begin({ topic: 't' }, batch)
    expect(await stepsOf(opening)).toEqual([400, 500, 600, 700, 800, 900, 1000])
    expect(new Set(opening.results.map((result) => result.value?.toString()))).toEqual(new Set([CANARY]))
  })

  it('opening a batch of long values yields to the event loop after 4 MiB, then after every MiB', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    const value = craft({ body: Buffer.alloc(2 ** 18) })
    await openAll(opener.begin({ topic: 't' }, [{ value }]))
    const opening = opener.begin({ topic: 't' }, Array<SealedRecord>(40).fill({ value }))
    expect(await stepsOf(opening)).toEqual([16, 20, 24, 28, 32, 36, 40])
  })

  it('opening a batch yields to the event loop after each value that does not decompress: it may have been a bomb', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    const value = craft({ header: { compression: 1 }, body: Buffer.from(CANARY) })
    await openAll(opener.begin({ topic: 't' }, [{ value: craft() }]))
    const opening = opener.begin({ topic: 't' }, [{ value }, { value }, { value }])
    expect(await stepsOf(opening)).toEqual([1, 2, 3])
    for (const { error } of opening.results) expect(error).toMatchObject({ code: 'DECOMPRESSION_FAILED' })
  })

  it('a record that waits for its key opens, however many other envelopes its topic has brought since', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    const opening = opener.begin({ topic: 't' }, [{ value: craft() }])
    for (let i = 0; i <= 1000; i++) {
      const value = craft({ header: { sessionId: Buffer.alloc(16, String(i).padStart(16, '0')) } })
      opener.begin({ topic: 't' }, [{ value }]).close()
    }
    const [opened] = await openAll(opening)
    expect(opened?.value?.toString()).toBe(CANARY)
  })

  const flipped = (value: Buffer, at: number): Buffer => {
    const copy = Buffer.from(value)
    copy[at] = (copy[at] as number) ^ 1
    return copy
  }
  const whole = craft()
  const lengthAt = whole.length - CANARY.length - 1
  const preambleBytes = lengthAt - 28

  const withLength = (...bytes: readonly number[]): Buffer =>
    Buffer.concat([whole.subarray(0, lengthAt), Buffer.from(bytes), whole.subarray(lengthAt + 1)])

  it.each<[string, readonly (Buffer | null)[]]>([
    ['its preamble has another byte', Array.from({ length: preambleBytes }, (_, at) => flipped(whole, at))],
    ['its IV, tag or body has another byte', [0, 12, 29].map((at) => flipped(whole, preambleBytes + at))],
    ['it ends too early', Array.from({ length: whole.length }, (_, bytes) => whole.subarray(0, bytes))],
    ['its body is said to be longer or shorter', [-2, 2].map((by) => withLength(2 * CANARY.length + by))],
    ['its body is said to have a negative length', [withLength(1)]],
    ['the length of its body is not in its shortest form', [withLength(0x80 | (2 * CANARY.length), 0)]],
    ['the length of its body is out of bounds', [withLength(0xff, 0xff, 0xff, 0xff, 0xff, 1)]],
    ['bytes follow it', [Buffer.concat([whole, Buffer.of(0)])]],
    ['it is a tombstone, or plaintext', [null, Buffer.from(CANARY)]],
    [
      'its body takes more bytes to say its length, or fewer',
      [64, 8192, 0].map((bytes) => craft({ body: Buffer.alloc(bytes, 'x') })),
    ],
    ['it is of another session', [craft({ header: { sessionId: Buffer.alloc(16, 2) } })]],
  ])(
    'a record among others of a session opens as it does alone, and fails as it does alone, if %s',
    async (_, values) => {
      const cmks = [await cmk(wrapping('near', 'a'), [])]
      const opener = openerOf(cmks)
      for (const value of values) {
        // By a reader that remembers no preamble.
        const [alone] = await openAll(openerOf(cmks).begin({ topic: 't' }, [{ value }]))
        const batch = [whole, whole, value, whole].map((one) => ({ value: one }))
        const results = await openAll(opener.begin({ topic: 't' }, batch))
        expect(results.map((one) => one.value?.toString())).toEqual([
          CANARY,
          CANARY,
          alone?.value?.toString(),
          CANARY,
        ])
        expect(results[2]).toEqual(alone)
        expect(results[2]?.error?.message).toBe(alone?.error?.message)
      }
    },
  )

  it('opening an empty batch gives an empty list', async () => {
    expect(await openAll(openerOf([]).begin({ topic: 't' }, []))).toEqual([])
    const { encryption } = await memoryEncryption([{ match: ['t'], decrypt: { cmk: 'main' } }])
    expect(await openRecords(encryption, [])).toEqual([])
  })

  it('opening a batch refuses a value that is not bytes, by its type', () => {
    expect(() => openerOf([]).begin({ topic: 't' }, [{ value: 'text' as never }])).toThrow(
      expect.objectContaining({
        code: 'INVALID_RECORD',
        message: expect.stringContaining('a value is a string') as string,
      }) as Error,
    )
  })

  it('opening a batch refuses a value that is not bytes, also among others of a session', async () => {
    const opener = openerOf([await cmk(wrapping('near', 'a'), [])])
    await openAll(opener.begin({ topic: 't' }, [{ value: craft() }]))
    for (const value of ['text', new Uint8Array(craft()), undefined])
      expect(() => opener.begin({ topic: 't' }, [{ value: craft() }, { value: value as never }])).toThrow(
        expect.objectContaining({ code: 'INVALID_RECORD' }) as Error,
      )
  })

  it('opening a batch gives null for a tombstone, and says that there was no envelope', async () => {
    const opened = await openAll(openerOf([]).begin({ topic: 't' }, [{ value: null }]))
    expect(opened).toStrictEqual([{ value: null, envelope: undefined }])
  })

  it('a fingerprint that the rule lists as that of the application does not turn a damaged envelope into plaintext', async () => {
    const plaintext = {
      untilOffsets: new Map([['t', new Map([[0, 10n]])]]),
      fingerprints: ['0fea18fa6fe363e8'],
    }
    const opener = openerOf([], { plaintext })
    const value = craft().subarray(0, -1)
    const opened = await openAll(opener.begin({ topic: 't', partition: 0 }, [{ value, offset: '1' }]))
    expect(opened).toMatchObject([{ error: { code: 'MALFORMED' } }])
  })
})

it('a batch for a passthrough topic is complete immediately, with nothing sealed and without a size limit', () => {
  const rules = new TopicRules([
    {
      name: 'r',
      match: ['t'],
      passthrough: true,
      sealing: undefined,
      compression: undefined,
      reading: undefined,
    },
  ])
  const sealer = new Sealer(
    rules,
    new DekRotations(undefined, systemClock, new EventHub()),
    nodeEngine,
    systemClock,
    new EventHub(),
  )
  const records = [{ value: 'text' }, { value: null }]
  const sealing = sealer.begin([{ topic: 't', records, pathOf: String }])
  expect(sealing.isDone).toBe(true)
  expect(sealing.batches).toMatchObject([{ values: ['text', null], sealed: [], maxBatchBytes: undefined }])
})
