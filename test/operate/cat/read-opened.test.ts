import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { Encryption, TopicRule } from '../../../src/index.js'
import { openRuns, type ReadOpened, type ReadOpenedOptions } from '../../../src/operate/cat/read-opened.js'
import type { StoredRecord } from '../../../src/operate/cat/read-records.js'
import { sealRecords } from '../../../src/record/index.js'
import { memoryEncryption } from '../../support/encryption.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'

const rule: TopicRule<string, string> = {
  match: ['orders'],
  encrypt: { cmk: 'main', bindKey: true },
  decrypt: { cmk: 'main' },
}

/** Sealed records, each under a DEK of its own, from offset 0 on. */
async function sealed(kms: MemoryKms, values: readonly string[]): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  for (const [n, text] of values.entries()) {
    const { encryption } = await memoryEncryption([rule], { kms })
    const [record] = await sealRecords(encryption, [{ topic: 'orders', key: `k${String(n)}`, value: text }])
    const value = record?.value as Buffer
    records.push(stored(n, value))
    await encryption.close()
  }
  kms.calls.length = 0
  return records
}

const stored = (offset: number, value: Buffer | null): StoredRecord => ({
  ...{ topic: 'orders', partition: 0, offset: String(offset), timestamp: '0', value, headers: {} },
  key: Buffer.from(`k${String(offset)}`),
})

async function* runsOf(...runs: readonly (readonly StoredRecord[])[]) {
  yield* runs
  await Promise.resolve()
}

function open(
  encryption: Encryption,
  runs: readonly (readonly StoredRecord[])[],
  clock = new FakeClock(),
  more: Partial<ReadOpenedOptions> = {},
): AsyncGenerator<ReadOpened> {
  return openRuns(runsOf(...runs), { encryption, topic: 'orders', ...more }, clock)
}

async function all(records: AsyncIterable<ReadOpened>): Promise<string[]> {
  const seen: string[] = []
  for await (const { offset, value, failure } of records) {
    const outcome =
      failure === undefined ? String(value) : `${failure.error.code} ${String(failure.step)} ${failure.check}`
    seen.push(`${offset} ${outcome}`)
  }
  return seen
}

const unwraps = ({ calls }: MemoryKms): number =>
  calls.filter(({ operation }) => operation === 'unwrap').length

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('readOpened', () => {
  it('records open in order, with what was authenticated; a tombstone passes', async () => {
    const kms = new MemoryKms()
    const records = await sealed(kms, ['a', 'b'])
    const { encryption } = await memoryEncryption([rule], { kms })
    const opened: ReadOpened[] = []
    for await (const record of open(encryption, [records, [stored(2, null)]])) opened.push(record)
    expect(opened.map(({ value }) => value && String(value))).toEqual(['a', 'b', null])
    expect(opened.map(({ envelope }) => envelope?.cmkId)).toEqual(['cmk', 'cmk', undefined])
    expect(opened[1]).toMatchObject({ offset: '1', key: Buffer.from('k1'), timestamp: '0' })
    await encryption.close()
  })

  it('a record that does not open comes with its code and step, and the others go on', async () => {
    const kms = new MemoryKms()
    const [a, b, c] = (await sealed(kms, ['a', 'b', 'c'])) as [StoredRecord, StoredRecord, StoredRecord]
    const { encryption } = await memoryEncryption([rule], { kms })
    const moved = { ...b, key: Buffer.from('other') }
    expect(await all(open(encryption, [[a, moved, stored(2, Buffer.from('plain')), c]]))).toEqual([
      '0 a',
      '1 AUTHENTICATION_FAILED 11 authentication',
      '2 NOT_SEALED 1 prefix',
      '2 c',
    ])
    await encryption.close()
  })

  it('plaintext that the rule still allows passes', async () => {
    const allowing = {
      match: ['orders'],
      decrypt: { cmk: 'main', plaintext: { untilOffsets: { orders: { 0: '5' } } } },
    }
    const { encryption } = await memoryEncryption([allowing])
    const plain = [4, 5].map((offset) => stored(offset, Buffer.from('plain')))
    expect(await all(open(encryption, [plain]))).toEqual(['4 plain', '5 NOT_SEALED 1 prefix'])
    await encryption.close()
  })

  it('the values of a passthrough topic are those of the records', async () => {
    const { encryption } = await memoryEncryption([{ match: ['orders'], passthrough: true }])
    expect(await all(open(encryption, [[stored(0, Buffer.from('as it is')), stored(1, null)]]))).toEqual([
      '0 as it is',
      '1 null',
    ])
    await encryption.close()
  })

  it('dead letters open under a rule that names the topic that they were sealed for', async () => {
    const kms = new MemoryKms()
    const [letter] = (await sealed(kms, ['a'])) as [StoredRecord]
    const reading = { match: ['orders.dead'], decrypt: { cmk: 'main', originalTopics: ['orders'] } } as const
    const { encryption } = await memoryEncryption([reading], { kms })
    const headers = { 'kafka-envelope.error': Buffer.from('WRONG_TOPIC') }
    const dead = { ...letter, topic: 'orders.dead', headers }
    expect(await all(open(encryption, [[dead]], undefined, { topic: 'orders.dead' }))).toEqual(['0 a'])
    await encryption.close()
  })

  it('without a rule for the topic, nothing is read', async () => {
    const { encryption } = await memoryEncryption([rule])
    let isRead = false
    // eslint-disable-next-line @typescript-eslint/require-await -- as the runs of a topic are
    async function* runs() {
      isRead = true
      yield [stored(0, null)]
    }
    const records = openRuns(runs(), { encryption, topic: 'users' }, new FakeClock())
    await expect(records.next()).rejects.toMatchObject({ code: 'TOPIC_NOT_CONFIGURED' })
    expect(isRead).toBe(false)
    await encryption.close()
  })

  it('a KMS that denies a CMK is asked once for all DEKs under it, and again after half a minute', async () => {
    const kms = new MemoryKms()
    const records = await sealed(kms, ['a', 'b', 'c', 'd', 'e'])
    const { encryption } = await memoryEncryption([rule], { kms })
    kms.failure = new EnvelopeError('KMS_DENIED', 'access denied')
    const clock = new FakeClock()
    const reading = open(encryption, [records.slice(0, 2), records.slice(2)], clock)
    const next = async (): Promise<string | undefined> => {
      const { value } = (await reading.next()) as { value: ReadOpened }
      return value.failure?.error.message ?? String(value.value)
    }
    for (const offset of [0, 1, 2]) expect(await next()).toContain(`offset ${String(offset)}`)
    expect(unwraps(kms)).toBe(1)
    clock.advance(30_000)
    expect(await next()).toContain('KMS_DENIED')
    expect(unwraps(kms)).toBe(2)
    clock.advance(30_000)
    kms.failure = undefined
    expect(await next()).toBe('e')
    await encryption.close()
  })

  it('a KMS that refuses one DEK is not asked for it again soon, and the others under the CMK open', async () => {
    const kms = new MemoryKms()
    const [a, b, c] = (await sealed(kms, ['a', 'b', 'c'])) as [StoredRecord, StoredRecord, StoredRecord]
    const { encryption } = await memoryEncryption([rule], { kms })
    const reading = open(encryption, [[a], [a], [b], [a], [c]])
    const next = async (): Promise<string | undefined> => {
      const { value } = (await reading.next()) as { value: ReadOpened }
      return value.failure?.error.code ?? String(value.value)
    }
    // As for a version of the CMK that is disabled.
    kms.failure = new EnvelopeError('CMK_DISABLED', 'the version is disabled')
    expect([await next(), await next()]).toEqual(['CMK_DISABLED', 'CMK_DISABLED'])
    expect(unwraps(kms)).toBe(1)
    kms.failure = undefined
    expect([await next(), await next(), await next()]).toEqual(['b', 'CMK_DISABLED', 'c'])
    expect(unwraps(kms)).toBe(3)
    await encryption.close()
  })

  it('while a KMS denies a CMK, records that need no key are returned as they are', async () => {
    const kms = new MemoryKms()
    const [a, b] = (await sealed(kms, ['a', 'b'])) as [StoredRecord, StoredRecord]
    const { encryption } = await memoryEncryption([rule], { kms })
    kms.failure = new EnvelopeError('KMS_DENIED', 'access denied')
    const records = [a, stored(7, null), b, stored(8, Buffer.from('plain'))]
    expect(await all(open(encryption, [records]))).toEqual([
      '0 KMS_DENIED 9 unwrapping',
      '7 null',
      '1 KMS_DENIED 9 unwrapping',
      '8 NOT_SEALED 1 prefix',
    ])
    await encryption.close()
  })

  it('it waits for a KMS that cannot answer, says so, and goes on at the same record', async () => {
    const kms = new MemoryKms()
    const records = await sealed(kms, ['a', 'b'])
    const { encryption } = await memoryEncryption([rule], { kms })
    const clock = new FakeClock()
    const waits: string[] = []
    const reading = open(encryption, [records], clock, {
      onWaiting: ({ code, topic, partition, offset }) => {
        waits.push(`${code} ${topic}:${String(partition)}:${offset}`)
        kms.failure = undefined
      },
    })
    expect(String(((await reading.next()).value as ReadOpened).value)).toBe('a')
    kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'the KMS is away')
    const second = reading.next()
    while (waits.length === 0) await settle()
    clock.advance(1000)
    expect(String(((await second).value as ReadOpened).value)).toBe('b')
    expect(waits).toEqual(['KMS_UNAVAILABLE orders:0:1'])
    await encryption.close()
  })
})
