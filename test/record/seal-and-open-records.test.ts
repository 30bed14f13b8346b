import { describe, expect, it } from 'vitest'
import { openRecords, sealRecords, type ReadRecord } from '../../src/record/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'

const owner = () =>
  memoryEncryption([
    { match: ['t', 'u'], encrypt: { cmk: 'main', dekScope: 'topic' }, decrypt: { cmk: 'main' } },
    { match: ['plain'], passthrough: true },
  ])
const text = (n: number): string => `${CANARY} ${String(n)}`

describe('records of several topics', () => {
  it('records of several topics are sealed and opened in place, whatever their order', async () => {
    const { encryption } = await owner()
    const topics = ['u', 't', 'plain', 't', 'u', 'plain', 't']
    const given = topics.map((topic, n) => ({ topic, value: n === 3 ? null : text(n), mine: n }))
    const before = structuredClone(given)
    const sealed = await sealRecords(encryption, given)
    expect(given).toEqual(before)
    expect(sealed.map(({ topic, mine }) => [topic, mine])).toEqual(topics.map((topic, n) => [topic, n]))
    for (const { value, mine } of sealed) expect(Buffer.isBuffer(value)).toBe(mine !== 3)
    const opened = await openRecords(encryption, sealed)
    expect(opened.map(({ value }) => value?.toString())).toEqual(
      topics.map((_, n) => (n === 3 ? undefined : text(n))),
    )
  })

  it('records of several topics keep exactly their members, even if a DEK is awaited for one of the topics', async () => {
    const { encryption } = await owner()
    const records = [
      { topic: 't', value: text(0) },
      { topic: 'plain', value: null },
      { topic: 'plain', value: Buffer.from(text(1)), key: 'k' },
      { topic: 'u', value: text(2), headers: { h: 'x' } },
    ]
    const members = (list: readonly object[]): string[][] =>
      list.map((record) => Object.keys(record).toSorted())
    const sealed = await sealRecords(encryption, records)
    expect(members(sealed)).toEqual(members(records))
    expect(sealed[1]?.value).toBeNull()
    expect(sealed[2]?.value?.toString()).toBe(text(1))
  })

  it.each(['none', 'gzip'] as const)(
    'each record is sealed with its own key and headers, whatever is not sealed before it (compression: %s)',
    async (compression) => {
      const encrypt = { cmk: 'main', bindHeaders: ['a', 'b'], passSealed: true, compression } as const
      const { encryption } = await memoryEncryption([{ match: ['t'], encrypt, decrypt: { cmk: 'main' } }])
      const [forwarded] = await sealRecords(encryption, [{ topic: 't', value: text(0) }])
      const record = (n: number, value: Buffer | string | null) => ({
        ...{ topic: 't', value, key: `key ${String(n)}` },
        headers: { a: `a ${String(n)}`, ...(n % 2 === 0 ? { b: `b ${String(n)}` } : {}) },
      })
      const records = [null, text(1), forwarded?.value ?? null, text(3), null, text(5), text(6)].map(
        (value, n) => record(n, value),
      )
      const sealed = await sealRecords(encryption, records)
      // Its key and headers are others than when it was sealed.
      sealed.splice(2, 1)
      const opened = await openRecords(encryption, sealed)
      expect(opened.map(({ value, error }) => value?.toString() ?? error?.code)).toEqual([
        ...[undefined, text(1), text(3), undefined, text(5), text(6)],
      ])
    },
  )

  it('the errors of records of several topics name their positions, as far as known', async () => {
    const { encryption } = await owner()
    const value = Buffer.from('plain')
    const places = [
      {},
      { partition: 0 },
      { partition: 1, offset: '7' },
      { offset: '8' },
      { partition: 0, offset: '9' },
    ]
    const opened = await openRecords(
      encryption,
      places.map((place) => ({ topic: 't', value, ...place })),
    )
    expect(opened.map(({ error }) => error?.position)).toStrictEqual(
      places.map((place) => ({ topic: 't', ...place })),
    )
  })

  it('a record that fails does not affect the others of its batch', async () => {
    const { encryption } = await owner()
    const sealed: ReadRecord[] = await sealRecords(encryption, [
      { topic: 't', value: text(0) },
      { topic: 't', value: text(1) },
      { topic: 't', value: text(2) },
    ])
    const [first, second, third] = sealed as [ReadRecord, ReadRecord, ReadRecord]
    const opened = await openRecords(encryption, [first, { ...second, key: 'other' }, third])
    expect(opened.map(({ value, error }) => error?.code ?? value?.toString())).toEqual([
      text(0),
      'AUTHENTICATION_FAILED',
      text(2),
    ])
  })
})

it('a value that is not a list of records with topics is refused by its type, whatever the rules', async () => {
  const { encryption } = await memoryEncryption([
    { match: ['*'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
  ])
  for (const [records, what] of [
    [null, 'records is null'],
    [{}, 'records is an object'],
    [[null], 'records[0] is null'],
    [['text'], 'records[0] is a string'],
    [[{ value: null }], 'records[0].topic is undefined'],
    [[{ topic: 7, value: null }], 'records[0].topic is a number'],
    [[{ topic: '', value: null }], 'records[0].topic is empty'],
    [[{ topic: 't', value: 7 }], 'the value is a number'],
    [[{ topic: 't' }], 'the value is undefined'],
  ] as const) {
    for (const call of [sealRecords, openRecords])
      await expect((async () => call(encryption, records as never))()).rejects.toMatchObject({
        code: 'INVALID_RECORD',
        message: expect.stringContaining(`: ${what}.`) as string,
      })
  }
})

it('a value that is not a list of records is refused with what to pass instead', async () => {
  const { encryption } = await memoryEncryption([{ match: ['t'], encrypt: { cmk: 'main' } }])
  await expect(sealRecords(encryption, null as never)).rejects.toThrow(
    'Pass a list of records, each with a topic and a value',
  )
  await expect(sealRecords(encryption, [null as never])).rejects.toThrow(
    'Pass a list of records, each an object with a value',
  )
})

it('a text in place of a sealed value is refused: it was decoded, and its bytes are lost', async () => {
  const { encryption } = await owner()
  await expect(openRecords(encryption, [{ topic: 't', value: 'text' as never }])).rejects.toMatchObject({
    code: 'INVALID_RECORD',
    message: expect.stringContaining('the value is a string') as string,
  })
})

it('a sealed copy has exactly the members of its record', async () => {
  const { encryption } = await owner()
  const given = [
    { topic: 't', value: text(0) },
    { topic: 't', value: text(1), key: null, headers: null, mine: 7 },
  ]
  const sealed = await sealRecords(encryption, given)
  expect(sealed.map((copy) => Object.keys(copy))).toEqual(given.map((record) => Object.keys(record)))
})

it('a list that shrinks while keys are awaited is opened as at the call', async () => {
  const { encryption, kms } = await owner()
  const records: ReadRecord[] = await sealRecords(encryption, [
    { topic: 't', value: text(0) },
    { topic: 'u', value: text(1) },
  ])
  kms.hold = true
  const opening = openRecords(encryption, records)
  await kms.waitForHeld()
  records.length = 1
  kms.hold = false
  kms.held[0]?.succeed()
  expect((await opening).map(({ value }) => value?.toString())).toEqual([text(0), text(1)])
})
