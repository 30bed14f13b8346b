import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { internalsOf } from '../../src/record/internals.js'
import { openRecords, sealRecords, type GivenHeaders } from '../../src/record/index.js'
import { CANARY, thrownBy } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'
import { parts } from '../support/sealed.js'

const VALUE = `${CANARY} value`
const rule = (encrypt: object = {}, decrypt: object = {}) => ({
  match: ['t'],
  encrypt: { cmk: 'main', ...encrypt },
  decrypt: { cmk: 'main', ...decrypt },
})

/** Takes the memory of a buffer away, as a transfer to a worker does. */
function transfer(bytes: Buffer): void {
  const memory = bytes.buffer as ArrayBuffer
  structuredClone(memory, { transfer: [memory] })
}

describe('the bytes that are sealed are those at the call', () => {
  it('the bytes that are sealed are those at the call, even if buffers are reused while the key is awaited', async () => {
    const { encryption, kms } = await memoryEncryption([rule({ bindHeaders: ['h'] })])
    const own = (text: string): Buffer => Buffer.from(Uint8Array.from(Buffer.from(text)).buffer)
    const [value, key, header] = [own(VALUE), own('key'), own('header')]
    const list = [header, 'second']
    kms.hold = true
    const sealing = sealRecords(encryption, [{ topic: 't', value, key, headers: { h: list } }])
    await kms.waitForHeld()
    value.fill(0)
    key.fill(0)
    header.fill(0)
    list.push('third')
    kms.hold = false
    kms.held[0]?.succeed()
    const [sealed] = await sealing
    expect(sealed).toMatchObject({
      key: Buffer.from('key'),
      headers: { h: [Buffer.from('header'), 'second'] },
    })
    const [opened] = await openRecords(encryption, await sealing)
    expect(opened?.value?.toString()).toBe(VALUE)
  })

  it('the bytes that are sealed are those at the call, even if the memory of a value is transferred while the key is awaited', async () => {
    const { encryption, kms } = await memoryEncryption([rule()])
    const value = Buffer.from(new ArrayBuffer(3000)).fill(CANARY)
    const before = Buffer.from(value)
    kms.hold = true
    const sealing = sealRecords(encryption, [{ topic: 't', value }])
    await kms.waitForHeld()
    transfer(value)
    kms.hold = false
    kms.held[0]?.succeed()
    const [opened] = await openRecords(encryption, await sealing)
    expect(opened?.value).toEqual(before)
  })

  it('a sealed value that is handed to a worker does not take the others of its batch along', async () => {
    const { encryption } = await memoryEncryption([rule()])
    const records = [100, 9000].map((length) => ({ topic: 't', value: CANARY.repeat(length / 10) }))
    const [small, large] = await sealRecords(encryption, records)
    try {
      transfer(small?.value as Buffer)
    } catch (error) {
      // Node.js 20 copies instead.
      expect(error).toMatchObject({ name: 'DataCloneError' })
    }
    const [opened] = await openRecords(encryption, [{ topic: 't', value: large?.value ?? null }])
    expect(opened?.value?.toString()).toBe(records[1]?.value)
    await encryption.close()
  })

  it.each(['length', 'byteLength'])('a buffer whose %s was overridden is refused', async (member) => {
    const { encryption, kms } = await memoryEncryption([rule({ bindHeaders: ['h'], compression: 'gzip' })])
    for (const claimed of [1, 3000]) {
      const liar = Object.defineProperty(Buffer.from(VALUE), member, { value: claimed })
      for (const record of [
        { value: liar },
        { value: VALUE, key: liar },
        { value: VALUE, headers: { h: liar } },
      ])
        expect(await thrownBy(() => sealRecords(encryption, [{ topic: 't', ...record }]))).toMatchObject({
          code: 'INVALID_RECORD',
          message: expect.stringContaining('is a Buffer that misstates its length') as string,
        })
    }
    expect(kms.calls).toEqual([])
  })

  it('a buffer whose memory was transferred before the call is refused, since its bytes are gone', async () => {
    const { encryption, kms } = await memoryEncryption([rule({ bindHeaders: ['h'] })])
    const gone = Buffer.from(new ArrayBuffer(10))
    transfer(gone)
    for (const record of [
      { value: gone },
      { value: VALUE, key: gone },
      { value: VALUE, headers: { h: gone } },
    ])
      expect(await thrownBy(() => sealRecords(encryption, [{ topic: 't', ...record }]))).toMatchObject({
        code: 'INVALID_RECORD',
        message: expect.stringContaining('is a Buffer whose memory was transferred') as string,
      })
    expect(kms.calls).toEqual([])
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: Buffer.from(new ArrayBuffer(0)) }])
    expect(
      (await openRecords(encryption, [{ ...sealed, topic: 't', value: sealed?.value ?? null }]))[0]?.value,
    ).toHaveLength(0)
  })

  it('the bytes that are sealed are those at the call, also for shared or resizable memory', async () => {
    const { encryption, kms } = await memoryEncryption([
      rule(),
      { ...rule({ compression: 'gzip' }), match: ['z'] },
    ])
    const shared = Buffer.from(new SharedArrayBuffer(100)).fill('v')
    // The types of TypeScript's library for Node.js 20 do not know the option.
    const Resizable = ArrayBuffer as unknown as new (
      bytes: number,
      options: object,
    ) => ArrayBuffer & { resize(bytes: number): void }
    const memory = new Resizable(100, { maxByteLength: 200 })
    const resizable = Buffer.from(memory).fill('v')
    kms.hold = true
    const sealing = sealRecords(
      encryption,
      ['t', 'z'].flatMap((topic) => [shared, resizable].map((value) => ({ topic, value }))),
    )
    await kms.waitForHeld(2)
    shared.fill(0)
    memory.resize(10)
    kms.hold = false
    for (const call of [...kms.held]) call.succeed()
    for (const { value } of await openRecords(encryption, await sealing))
      expect(value?.toString()).toBe('v'.repeat(100))
  })

  it('a forwarded envelope has the bytes that were checked, even if the buffer changes later', async () => {
    const { encryption } = await memoryEncryption([rule({ passSealed: true })])
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const value = sealed?.value as Buffer
    const before = Buffer.from(value)
    const forwarding = sealRecords(encryption, [{ topic: 't', value }])
    value.fill(CANARY)
    expect((await forwarding)[0]?.value).toEqual(before)
  })
})

describe('a value that readers would not decompress', () => {
  const large = Buffer.alloc(2 ** 24 + 1, 'x')

  it('a value that readers would not decompress is refused before a key is made, with its place', async () => {
    const { encryption, kms } = await memoryEncryption([
      { match: ['t'], encrypt: { cmk: 'main', compression: 'gzip' } },
    ])
    const records = [
      { topic: 't', value: 'small' },
      { topic: 't', value: large },
    ]
    expect(await thrownBy(() => sealRecords(encryption, records))).toMatchObject({
      code: 'TOO_LARGE',
      position: { topic: 't', path: 'records[1]' },
      message: expect.stringMatching(/16777217 bytes.*16777216 bytes.*maxDecompressedBytes/) as string,
    })
    expect(kms.calls).toEqual([])
    await sealRecords(encryption, [{ topic: 't', value: large.subarray(1) }])
  })

  it('a value that readers would not decompress is judged by the limit of the rule if the rule decrypts', async () => {
    const { encryption } = await memoryEncryption([
      rule({ compression: 'gzip' }, { maxDecompressedBytes: '17MiB' }),
    ])
    const [opened] = await openRecords(
      encryption,
      await sealRecords(encryption, [{ topic: 't', value: large }]),
    )
    expect(opened?.value?.length).toBe(large.length)
  })

  it('a value that readers would not decompress is sealed if values are not compressed', async () => {
    const { encryption } = await memoryEncryption([rule()])
    const [opened] = await openRecords(
      encryption,
      await sealRecords(encryption, [{ topic: 't', value: large }]),
    )
    expect(opened?.value?.length).toBe(large.length)
  })
})

describe('headers of records', () => {
  const bytes = [...Buffer.from('é1')]
  const signed = bytes.map((n) => (n > 127 ? n - 256 : n))
  const forms: [string, GivenHeaders][] = [
    ['a plain object', { type: ['é1', null], other: 'x' }],
    ['an object without prototype', Object.assign(Object.create(null) as object, { type: ['é1', null] })],
    [
      'pairs',
      [
        ['type', 'é1'],
        ['other', 'x'],
        ['type', null],
      ],
    ],
    ['a Map', new Map([['type', ['é1', null]]])],
    ['a list of objects', [{ type: Buffer.from('é1') }, { type: null }]],
    ['a list of objects with the bytes as numbers', [{ type: bytes }, { type: null }]],
    ['a list of objects with signed bytes', [{ type: signed }, { type: null }]],
  ]

  it.each(forms)('headers given as %s are authenticated, and come back in that form', async (_, headers) => {
    const { encryption } = await memoryEncryption([
      rule({ bindHeaders: ['type'] }, { require: { bindHeaders: ['type'] } }),
    ])
    const sealed = await sealRecords(encryption, [{ topic: 't', value: VALUE, headers }])
    expect(sealed[0]?.headers).toEqual(headers)
    for (const [form, equal] of forms) {
      const [opened] = await openRecords(encryption, [
        { ...sealed[0], topic: 't', value: sealed[0]?.value ?? null, headers: equal },
      ])
      expect([form, opened?.value?.toString()]).toEqual([form, VALUE])
    }
    const [changed] = await openRecords(encryption, [
      { topic: 't', value: sealed[0]?.value ?? null, headers: { type: 'other' } },
    ])
    expect(changed?.error?.code).toBe('AUTHENTICATION_FAILED')
  })

  class Headers {
    get type(): string {
      return CANARY
    }
  }
  it.each([
    ['a text', CANARY, 'headers is a string'],
    ['a number', 7, 'headers is a number'],
    ['an instance of a class', new Headers(), 'headers is an object'],
    ['a Set', new Set([CANARY]), 'headers is an object'],
    ['bytes', Buffer.from(CANARY), 'headers is a Buffer'],
    ['a list of texts', [CANARY], 'a header in the list is a string'],
    ['a pair of three', [['type', CANARY, 'x']], 'a header in the list is a list'],
    ['a pair without a name', [[7, CANARY]], 'the name of a header is a number'],
    ['an object like a list', { 0: { type: CANARY }, length: 1 }, 'header "0" is an object'],
    ['an object of objects', { type: { value: CANARY } }, 'header "type" is an object'],
    ['numbers that are not bytes', [{ type: [256] }], 'header "type" is a list'],
    ['a value that is undefined', { type: undefined }, 'header "type" is undefined'],
    ['a list with a hole', [undefined], 'a header in the list is undefined'],
  ])('headers given as %s are refused, on sealing and on opening', async (_, headers, what) => {
    const { encryption, kms } = await memoryEncryption([rule()])
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const calls = kms.calls.length
    for (const call of [
      () => sealRecords(encryption, [{ topic: 't', value: VALUE, headers: headers as never }]),
      () =>
        openRecords(encryption, [{ topic: 't', value: sealed?.value ?? null, headers: headers as never }]),
    ])
      expect(await thrownBy(call)).toMatchObject({
        code: 'INVALID_RECORD',
        position: { topic: 't', path: 'records[0]' },
        message: expect.stringContaining(`: ${what}`) as string,
      })
    expect(kms.calls).toHaveLength(calls)
  })
})

describe('the name of a topic', () => {
  it.each([
    ['illegal characters', 'a b\n', '"a b\\n"'],
    ['a dot alone', '.', '.'],
    ['two dots', '..', '..'],
    ['250 characters', 'x'.repeat(250), `"${'x'.repeat(60)}"`],
  ])('the name of a topic with %s is refused by name before a key is made', async (_, topic, shown) => {
    const { encryption, kms } = await memoryEncryption([{ match: ['*'], encrypt: { cmk: 'main' } }])
    const { encryption: other } = await memoryEncryption([{ match: ['t'], encrypt: { cmk: 'main' } }])
    for (const owner of [encryption, other])
      expect(await thrownBy(() => sealRecords(owner, [{ topic, value: VALUE }]))).toMatchObject({
        code: 'INVALID_RECORD',
        message: expect.stringContaining(
          `INVALID_RECORD: ${shown} is not a topic name. Pass a topic name`,
        ) as string,
      })
    expect(kms.calls).toEqual([])
  })

  it('the name of a topic of 249 legal characters is accepted', async () => {
    const { encryption } = await memoryEncryption([{ match: ['*'], encrypt: { cmk: 'main' } }])
    expect(await sealRecords(encryption, [{ topic: 'x._-'.repeat(62) + 'y', value: VALUE }])).toHaveLength(1)
  })
})

describe('offsets of records', () => {
  const migration = { plaintext: { untilOffsets: { t: { 0: '10' } } } }

  it.each([
    ['text', '9'],
    ['a number', 9],
    ['a bigint', 9n],
  ])('offsets of records given as %s count alike', async (_, offset) => {
    const { encryption } = await memoryEncryption([rule({}, migration)])
    const [opened] = await openRecords(encryption, [
      { topic: 't', partition: 0, offset, value: Buffer.from(VALUE) },
    ])
    expect(opened?.value?.toString()).toBe(VALUE)
    const [late] = await openRecords(encryption, [
      { topic: 't', partition: 0, offset: typeof offset === 'bigint' ? 10n : 10, value: Buffer.from(VALUE) },
    ])
    expect(late?.error).toMatchObject({ code: 'NOT_SEALED', position: { offset: '10' } })
  })

  it.each([
    ['-1', -1],
    ['a fraction', 1.5],
    ['a number that is not exact', 2 ** 53],
    ['NaN', NaN],
    ['a negative bigint', -1n],
    ['empty text', ''],
    ['hexadecimal text', '0x1'],
    ['a boolean', true],
    ['an object', {}],
  ])('offsets of records given as %s are refused', async (_, offset) => {
    const { encryption } = await memoryEncryption([rule()])
    const value = Buffer.from(VALUE)
    expect(
      await thrownBy(() => openRecords(encryption, [{ topic: 't', offset: offset as never, value }])),
    ).toMatchObject({
      code: 'INVALID_RECORD',
      position: { topic: 't', path: 'records[0]' },
    })
  })
})

describe('sealing a large batch', () => {
  it.each([
    [
      '2,000 records, then after every 500',
      Array.from({ length: 6500 }, (_, n) => Buffer.from(String(n))),
      10,
    ],
    ['16 MiB, then after every 4 MiB', Array.from({ length: 6 }, () => randomBytes(2 ** 23)), 5],
  ])(
    'sealing a large batch gives the event loop a turn after %s, and seals the bytes at the call',
    async (_, values, turns) => {
      const { encryption } = await memoryEncryption([rule({})])
      await sealRecords(encryption, [{ topic: 't', value: VALUE }])
      const records = values.map((value) => ({ topic: 't', value: Buffer.from(value) }))
      const state = { sealed: false }
      let count = 1
      const sealing = sealRecords(encryption, records).finally(() => (state.sealed = true))
      for (const { value } of records) value.fill(0)
      while (!state.sealed) {
        await new Promise((resolve) => setImmediate(resolve))
        count++
      }
      expect(count).toBeGreaterThanOrEqual(turns)
      const opened = await openRecords(encryption, await sealing)
      expect(opened.every(({ value }, i) => value?.equals(values[i] as Buffer))).toBe(true)
      await encryption.close()
    },
  )

  it('a batch that takes one turn is sealed within the call', async () => {
    const { encryption, events } = await memoryEncryption([rule({})])
    await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const records = Array.from({ length: 1800 }, () => ({ topic: 't', value: VALUE }))
    const sealing = sealRecords(encryption, records)
    expect(events.at(-1)).toMatchObject({ name: 'batch.sealed', messages: 1800 })
    await sealing
    await encryption.close()
  })

  it('the turns after the first take no more than 500 records, because garbage is collected in them', async () => {
    const { encryption } = await memoryEncryption([rule({})])
    await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const state = { sealed: false }
    let turns = 1
    const records = Array.from({ length: 30_000 }, () => ({ topic: 't', value: VALUE }))
    const sealing = sealRecords(encryption, records).finally(() => (state.sealed = true))
    for (; !state.sealed; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(turns).toBeGreaterThanOrEqual(60)
    await sealing
    await encryption.close()
  })

  it('a batch that takes a turn to check is sealed in the turns after it', async () => {
    const { encryption } = await memoryEncryption([rule({})])
    await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const records = Array.from({ length: 20_000 }, () => ({ value: VALUE }))
    const sealing = internalsOf(encryption, 'test').sealer.begin([{ topic: 't', records, pathOf: String }])
    sealing.hold()
    expect(await sealRecords(encryption, [{ topic: 't', value: VALUE }])).toMatchObject([
      { value: expect.toSatisfy((value: Buffer) => parts(value).counter === 1) as Buffer },
    ])
    await sealing.complete()
    await encryption.close()
  })
})

it('a value whose memory is transferred while its key is awaited is refused', async () => {
  const { encryption, kms } = await memoryEncryption([rule()])
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
  const reader = await memoryEncryption([rule()], { kms })
  kms.hold = true
  const value = Buffer.from(Uint8Array.from(sealed?.value as Buffer).buffer)
  const opening = thrownBy(() => openRecords(reader.encryption, [{ topic: 't', value }]))
  await kms.waitForHeld()
  transfer(value)
  kms.held[0]?.succeed()
  expect(await opening).toMatchObject({
    code: 'INVALID_RECORD',
    message: expect.stringMatching(
      /a Buffer whose memory was transferred.* Do not transfer or shrink/,
    ) as string,
  })
})

it('a key that is not bound may change after sealing; a bound one may not', async () => {
  for (const [bindKey, code] of [
    [false, undefined],
    [true, 'AUTHENTICATION_FAILED'],
  ] as const) {
    const { encryption } = await memoryEncryption([rule({ bindKey }, { require: { bindKey: false } })])
    const [sealed] = await sealRecords(encryption, [{ topic: 't', key: 'one', value: VALUE }])
    if (sealed === undefined) throw new Error('nothing was sealed')
    const [opened] = await openRecords(encryption, [{ ...sealed, key: 'another' }])
    expect(opened?.error?.code).toBe(code)
    await encryption.close()
  }
})

describe('the IVs of a session', () => {
  it('the IVs of a session count up from 0 without a gap, however batches, limits and memory cut the records', async () => {
    const { encryption } = await memoryEncryption([
      rule({ rotate: { maxMessages: 700, allowFrequentRotation: true } }),
    ])
    const counters = new Map<string, number[]>()
    for (const count of [1, 300, 5, 1200, 2, 900, 64]) {
      const records = Array.from({ length: count }, () => ({ topic: 't', value: VALUE.padEnd(200) }))
      for (const { value } of await sealRecords(encryption, records)) {
        const { session, counter } = parts(value)
        counters.set(session, [...(counters.get(session) ?? []), counter])
      }
    }
    for (const ofSession of counters.values()) expect(ofSession).toEqual([...ofSession.keys()])
    expect([...counters.values()].map(({ length }) => length)).toEqual([700, 700, 700, 372])
    await encryption.close()
  })
})

it('a record may have exactly the bytes that one DEK may seal, and no more', async () => {
  const { encryption } = await memoryEncryption([
    rule({ rotate: { maxBytes: 1000, allowFrequentRotation: true } }),
  ])
  const seal = (bytes: number) => sealRecords(encryption, [{ topic: 't', value: VALUE.padEnd(bytes) }])
  expect(await seal(1000)).toHaveLength(1)
  expect(await thrownBy(() => seal(1001))).toMatchObject({
    code: 'DEK_LIMIT_TOO_SMALL',
    message: expect.stringContaining('a record of 1001 bytes exceeds the 1000 bytes') as string,
  })
  await encryption.close()
})

it('a batch gives no values before all of them are sealed', async () => {
  const { encryption, kms } = await memoryEncryption([rule()])
  kms.hold = true
  const batch = { topic: 't', records: [{ value: VALUE }], pathOf: String }
  const sealing = internalsOf(encryption, 'test').sealer.begin([batch])
  expect(() => sealing.batches[0]?.values).toThrow('a batch is not sealed yet')
  await encryption.close()
})

describe('the memory of envelopes', () => {
  const memoryOf = (value: Buffer | null): ArrayBufferLike => value?.buffer ?? new ArrayBuffer(0)

  it('the memory of envelopes is shared by those of a batch, up to 64 KiB', async () => {
    const { encryption } = await memoryEncryption([rule()])
    const records = Array.from({ length: 500 }, () => ({ topic: 't', value: VALUE.padEnd(1024) }))
    const sealed = await sealRecords(encryption, records)
    const memory = new Set(sealed.map(({ value }) => memoryOf(value)))
    expect(memory.size).toBeLessThan(20)
    for (const { byteLength } of memory) expect(byteLength).toBeLessThanOrEqual(2 ** 16)
    const transfer = [...memory].slice(0, 1) as ArrayBuffer[]
    try {
      structuredClone(null, { transfer })
    } catch {
      // Newer versions of Node.js throw; older ones leave it where it is.
    }
    expect(transfer[0]?.byteLength).toBeGreaterThan(0)
    await encryption.close()
  })

  it('the memory of a large envelope is its own, and can be transferred', async () => {
    const { encryption } = await memoryEncryption([rule()])
    const record = { topic: 't', value: VALUE.padEnd(100_000) }
    for (const { value } of await sealRecords(encryption, [record, record])) {
      const memory = memoryOf(value) as ArrayBuffer
      const bytes = memory.byteLength
      expect(structuredClone(memory, { transfer: [memory] }).byteLength).toBe(bytes)
      expect(memory.byteLength).toBe(0)
    }
    await encryption.close()
  })
})

describe('a send of several large batches', () => {
  const topics = Array.from({ length: 6 }, (_, n) => `t${String(n)}`)
  const many = topics.flatMap((topic) => Array.from({ length: 2000 }, () => ({ topic, value: VALUE })))

  it('the batches of one send share the turns of the event loop', async () => {
    const { encryption, events } = await memoryEncryption([{ ...rule({}), match: topics }])
    await sealRecords(encryption, [{ topic: 't0', value: VALUE }])
    const sealed = (): number => events.filter(({ name }) => name === 'batch.sealed').length - 1
    const sealing = sealRecords(encryption, many)
    const perTurn: number[] = []
    for (let before = 0; before < topics.length;) {
      const now = sealed()
      perTurn.push(now - before)
      before = now
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(Math.max(...perTurn)).toBe(1)
    await sealing
    await encryption.close()
  })

  it('a send whose DEK comes only after much was counted does not wait in a busy loop', async () => {
    const { encryption, kms } = await memoryEncryption([{ ...rule({}), match: topics }])
    kms.hold = true
    const sealing = sealRecords(encryption, many)
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    expect(await sealing).toHaveLength(many.length)
    await encryption.close()
  })

  it('a send that fails for one topic seals no more for the others', async () => {
    const kms = new MemoryKms()
    const { encryption, events } = await memoryEncryption(
      [
        { ...rule({}), match: ['t0'] },
        { ...rule({}), match: ['t1'], encrypt: { cmk: 'denied' } },
      ],
      { kms, cmks: { main: [{ kms: 'memory', id: 'cmk' }], denied: [{ kms: 'memory', id: 'other' }] } },
    )
    await sealRecords(encryption, [{ topic: 't0', value: VALUE }])
    kms.hold = true
    const large = Array.from({ length: 20_000 }, () => ({ topic: 't0', value: VALUE }))
    const failed = thrownBy(() => sealRecords(encryption, [...large, { topic: 't1', value: VALUE }]))
    await kms.waitForHeld()
    kms.held[0]?.fail(new EnvelopeError('KMS_DENIED', 'no'))
    expect(await failed).toMatchObject({ code: 'KMS_DENIED' })
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(events.filter(({ name }) => name === 'batch.sealed')).toHaveLength(1)
    await encryption.close()
  })
})

describe('compressing a large batch', () => {
  const batch = Array.from({ length: 2000 }, (_, n) => ({
    topic: 't',
    value: Buffer.from(`${VALUE} ${String(n)}`),
  }))

  it('compressing a large batch yields to the event loop after 100 records, then after every 25, and seals the bytes at the call', async () => {
    const { encryption } = await memoryEncryption([rule({ compression: 'gzip' })])
    await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const records = batch.map(({ topic, value }) => ({ topic, value: Buffer.from(value) }))
    const state = { sealed: false }
    let turns = 1
    const sealing = sealRecords(encryption, records).finally(() => (state.sealed = true))
    for (const { value } of records) value.fill(0)
    for (; !state.sealed; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(turns).toBeGreaterThanOrEqual(77)
    const opened = await openRecords(encryption, await sealing)
    expect(opened.map(({ value }) => value?.toString())).toEqual(batch.map(({ value }) => value.toString()))
  })

  it('compressing a large batch reports a value that no DEK may seal, even in a later step', async () => {
    const { encryption, kms } = await memoryEncryption([
      rule({ compression: 'gzip', rotate: { maxBytes: 1000, allowFrequentRotation: true } }),
    ])
    const incompressible = randomBytes(2000)
    const records = [...batch.slice(0, 900), { topic: 't', value: incompressible }]
    expect(await thrownBy(() => sealRecords(encryption, records))).toMatchObject({
      code: 'DEK_LIMIT_TOO_SMALL',
      message: expect.stringMatching(
        /a record of \d+ bytes exceeds the 1000 bytes that one DEK of rule t may seal/,
      ) as string,
      position: { topic: 't', path: 'records[900]' },
    })
    expect(kms.calls).toEqual([])
  })
})
