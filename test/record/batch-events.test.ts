import { describe, expect, it } from 'vitest'
import type { EncryptRule, DecryptRule } from '../../src/index.js'
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
  const told = (name: 'batch.sealed' | 'batch.opened') => made.events.filter((event) => event.name === name)
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
