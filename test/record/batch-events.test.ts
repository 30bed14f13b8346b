import { describe, expect, it } from 'vitest'
import type { EncryptRule, DecryptRule, EventName } from '../../src/index.js'
import { openRecords, sealRecords, type ReadRecord } from '../../src/record/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'

const VALUE = `${CANARY} é`
const BYTES = Buffer.byteLength(VALUE)

async function owner(encrypt: Partial<EncryptRule> = {}, decrypt: Partial<DecryptRule> = {}) {
  const made = await memoryEncryption([
    { match: ['t'], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main', ...decrypt } },
    { match: ['p'], passthrough: true },
  ])
  const seal = (topic: string, values: readonly (string | Buffer | null)[]) =>
    sealRecords(
      made.encryption,
      values.map((value) => ({ topic, value })),
    )
  const told = (name: EventName) => made.events.filter((event) => event.name === name)
  return { ...made, seal, told }
}

describe('batch.sealed', () => {
  it.each(['none', 'gzip'] as const)(
    'batch.sealed counts sealed records, with their bytes before compression by %s, as text or bytes',
    async (compression) => {
      const { seal, told } = await owner({ compression })
      await seal('t', [VALUE, Buffer.from(VALUE), VALUE.repeat(1000), null])
      expect(told('batch.sealed')).toEqual([
        { name: 'batch.sealed', rule: 't', topic: 't', messages: 3, bytes: 1002 * BYTES },
      ])
    },
  )

  it('batch.sealed does not count records that are not sealed', async () => {
    const { seal, told } = await owner()
    await seal('p', [VALUE])
    await seal('t', [null])
    expect(told('batch.sealed')).toEqual([])
  })
})

describe('batch.opened', () => {
  it('batch.opened counts only opened records, with the bytes of their plaintext', async () => {
    const { encryption, seal, told } = await owner({}, { plaintext: { untilOffsets: { t: { 0: '10' } } } })
    const sealed = await seal('t', [VALUE, VALUE.repeat(2)])
    const forged = Buffer.from(sealed[0]?.value ?? '')
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
    const others: ReadRecord[] = [
      { topic: 't', value: null },
      { topic: 't', partition: 0, offset: '1', value: Buffer.from(VALUE) },
      { topic: 'p', value: Buffer.from(VALUE) },
      { topic: 't', value: forged },
    ]
    const opened = await openRecords(encryption, [...sealed, ...others])
    expect(opened.map(({ error }) => error?.code)).toEqual([
      ...Array<undefined>(5).fill(undefined),
      'AUTHENTICATION_FAILED',
    ])
    expect(told('batch.opened')).toEqual([
      { name: 'batch.opened', rule: 't', topic: 't', messages: 2, bytes: 3 * BYTES },
    ])
    await openRecords(encryption, others)
    expect(told('batch.opened')).toHaveLength(1)
  })
})

describe('sealed.passed', () => {
  it('sealed.passed counts the envelopes that pass unchanged, with their bytes, once', async () => {
    const { encryption, seal, told } = await owner({ passSealed: true })
    const [first, second] = await seal('t', [VALUE, VALUE])
    expect(told('sealed.passed')).toEqual([])
    const passed = [first?.value ?? null, second?.value ?? null]
    const bytes = passed.reduce((total, value) => total + (value?.length ?? 0), 0)
    const event = { name: 'sealed.passed', rule: 't', topic: 't', messages: 2, bytes }
    await seal('t', passed)
    expect(told('sealed.passed')).toEqual([event])
    await encryption.rotate()
    encryption.evict('cmk')
    await seal('t', [...passed, VALUE, null])
    expect(told('sealed.passed')).toEqual([event, event])
    expect(told('batch.sealed')).toMatchObject([{ messages: 2 }, { messages: 1 }])
  })

  it('sealed.passed does not count envelopes of a send that fails, nor those on a passthrough topic', async () => {
    const { seal, told } = await owner({ passSealed: true, tombstones: 'reject' })
    const [sealed] = await seal('t', [VALUE])
    await expect(seal('t', [sealed?.value ?? null, null])).rejects.toMatchObject({
      code: 'TOMBSTONE_REJECTED',
    })
    await seal('p', [sealed?.value ?? null])
    expect(told('sealed.passed')).toEqual([])
  })
})

describe('plaintext.delivered', () => {
  const plaintext = { untilOffsets: { t: { 0: '10', 1: '5' } }, fingerprints: ['00112233445566ff'] }
  const own = Buffer.from('c30100112233445566ff01', 'hex')
  const record = (partition: number, offset: string, value: Buffer | null): ReadRecord => ({
    topic: 't',
    partition,
    offset,
    value,
  })

  it('plaintext.delivered counts the plaintext that a rule still allows, by partition, with its first and last offset', async () => {
    const { encryption, seal, told } = await owner({}, { plaintext })
    const [sealed] = await seal('t', [VALUE])
    const opened = await openRecords(encryption, [
      record(0, '2', sealed?.value ?? null),
      record(0, '3', Buffer.from(VALUE)),
      record(1, '4', Buffer.alloc(0)),
      record(0, '7', own),
      record(0, '8', null),
      record(0, '10', Buffer.from(VALUE)),
      record(1, '5', own),
      record(2, '0', Buffer.from(VALUE)),
      { topic: 't', value: Buffer.from(VALUE) },
      { topic: 'p', partition: 0, offset: '0', value: Buffer.from(VALUE) },
    ])
    expect(opened.map(({ error }) => error?.code)).toEqual([
      ...Array<undefined>(5).fill(undefined),
      'NOT_SEALED',
      'UNKNOWN_FORMAT',
      'NOT_SEALED',
      'NOT_SEALED',
      undefined,
    ])
    const event = { name: 'plaintext.delivered', rule: 't', topic: 't' }
    const first = {
      ...event,
      partition: 0,
      messages: 2,
      firstOffset: '3',
      lastOffset: '7',
      untilOffset: '10',
    }
    const second = {
      ...event,
      partition: 1,
      messages: 1,
      firstOffset: '4',
      lastOffset: '4',
      untilOffset: '5',
    }
    expect(told('plaintext.delivered')).toEqual([
      { ...first, bytes: BYTES + own.length },
      { ...second, bytes: 0 },
    ])
  })

  it('plaintext.delivered is not emitted for sealed records and tombstones alone', async () => {
    const { encryption, seal, told } = await owner({}, { plaintext })
    const [sealed] = await seal('t', [VALUE])
    await openRecords(encryption, [record(0, '2', sealed?.value ?? null), record(0, '3', null)])
    expect(told('batch.opened')).toHaveLength(1)
    expect(told('plaintext.delivered')).toEqual([])
  })
})
