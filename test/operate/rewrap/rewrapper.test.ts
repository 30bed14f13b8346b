import type { KafkaMessage } from 'kafkajs'
import { afterEach, describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { Encryption, TopicRule } from '../../../src/index.js'
import type { WaitingForKms } from '../../../src/operate/patience.js'
import type { Outcome } from '../../../src/operate/rewrap/rewrapper.js'
import { rewrapperOf } from '../../../src/operate/rewrap/rewrapper-of.js'
import type { WrappingChanges } from '../../../src/operate/rewrap/wrapping-changes.js'
import { openRecords, sealRecords, type TopicRecord } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { parts } from '../../support/sealed.js'

const CMKS = {
  old: [{ kms: 'memory', id: 'old' }],
  new: [{ kms: 'memory', id: 'new' }],
  other: [{ kms: 'memory', id: 'other' }],
}
const oldToNew = { replace: [{ from: 'old', to: 'new' }] }

const opened: Encryption[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((encryption) => encryption.close()))
})

async function owner(rules: readonly TopicRule<string, string>[], kms: MemoryKms) {
  const made = await memoryEncryption(rules, { cmks: CMKS, kms })
  opened.push(made.encryption)
  return made
}

interface Setup {
  readonly rule?: object
  readonly verify?: boolean
  readonly kms?: MemoryKms
}
/** Seals for the topic `t` under `old`, rewraps with a configuration of its own, and opens as a reader who has `new` alone. */
async function setup(
  changes: WrappingChanges,
  { rule = {}, verify = true, kms = new MemoryKms() }: Setup = {},
) {
  const writer = await owner([{ match: ['*'], encrypt: { cmk: 'old', context: { env: 'prod' } } }], kms)
  const operator = await owner([{ match: ['t'], decrypt: { cmk: 'old', ...rule } }], kms)
  const reader = await owner(
    [{ match: ['new-t'], decrypt: { cmk: 'new', originalTopics: ['t'], acceptPublicKeySealing: true } }],
    kms,
  )
  const waiting: WaitingForKms[] = []
  const lifetime = new AbortController()
  const { rewrapper, newPreambles } = rewrapperOf({
    ...{ encryption: operator.encryption, from: 't', verify, ...changes },
    onWaiting: (each) => waiting.push(each),
    signal: lifetime.signal,
  })
  const calls = (): string[] => kms.calls.map(({ operation, cmkId }) => `${operation} ${cmkId}`)
  return {
    ...{ kms, writer, lifetime, waiting, newPreambles, calls },
    seal: (...records: readonly Partial<TopicRecord>[]) => sealed(writer.encryption, records),
    rewrap: (messages: readonly KafkaMessage[]) => {
      kms.calls.length = 0
      return rewrapper.rewrap(0, messages)
    },
    read: async (values: readonly (Buffer | null)[], messages: readonly KafkaMessage[]) => {
      const records = values.map((value, i) => ({
        ...{ topic: 'new-t', value, key: messages[i]?.key ?? null, headers: messages[i]?.headers },
      }))
      return (await openRecords(reader.encryption, records)).map(
        ({ value, error }) => error?.code ?? String(value),
      )
    },
  }
}

async function sealed(
  encryption: Encryption,
  records: readonly Partial<TopicRecord>[],
): Promise<KafkaMessage[]> {
  const given = records.map((record) => ({ topic: 't', key: 'k', value: CANARY, ...record }))
  return messagesOf((await sealRecords(encryption, given)).map(({ value }) => value))
}

function messagesOf(values: readonly (Buffer | string | null)[]): KafkaMessage[] {
  return values.map((value, i) => ({
    ...{ key: Buffer.from('k'), value: typeof value === 'string' ? Buffer.from(value) : value },
    ...{ offset: String(i), timestamp: '0', attributes: 0, headers: {} },
  }))
}

const valuesOf = (outcomes: readonly Outcome[]): (Buffer | null)[] =>
  outcomes.map((outcome) => ('value' in outcome ? outcome.value : Buffer.from(outcome.why.code)))
const kindsOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map((outcome) => ('why' in outcome ? outcome.why.code : outcome.as))

describe('an envelope that is rewrapped', () => {
  it('a rewrapped envelope opens under the new CMK alone, and has the same header, IV, tag and body', async () => {
    const { seal, rewrap, read } = await setup(oldToNew)
    const messages = await seal({}, { value: 'two' })
    const values = valuesOf(await rewrap(messages))
    expect(await read(values, messages)).toEqual([CANARY, 'two'])
    for (const [i, value] of values.entries()) {
      const [before, after] = [parts(messages[i]?.value ?? null), parts(value)]
      expect({ ...after, wrappedDeks: [] }).toEqual({ ...before, wrappedDeks: [] })
      expect(after.wrappedDeks.map(({ cmkId }) => cmkId)).toEqual(['new'])
    }
  })

  it('a DEK costs one unwrap and one wrap, and one unwrap to try it, however many records it has', async () => {
    const { seal, rewrap, calls, newPreambles } = await setup(oldToNew)
    const messages = await seal({}, {}, {})
    expect(kindsOf(await rewrap([...messages, ...messages]))).toEqual(Array(6).fill('rewrapped'))
    expect(calls()).toEqual(['unwrap old', 'wrap new', 'unwrap new'])
    expect(kindsOf(await rewrap(messages))).toEqual(Array(3).fill('rewrapped'))
    expect([calls(), newPreambles.deks]).toEqual([[], 1])
  })

  it('sessions and topics that share a DEK share its new wrappings, too', async () => {
    const { seal, rewrap, calls, writer } = await setup(oldToNew, { rule: { originalTopics: ['u'] } })
    const messages = await seal({}, { topic: 'u' })
    expect(messages.map(({ value }) => parts(value).topic)).toEqual(['t', 'u'])
    const values = valuesOf(await rewrap(messages))
    expect(calls()).toEqual(['unwrap old', 'wrap new', 'unwrap new'])
    const made = values.map((value) => parts(value).wrappedDeks[0]?.ciphertextDek.toString('hex'))
    expect(new Set(made).size).toBe(1)
    await writer.encryption.rotate()
    await rewrap(await seal({}))
    expect(calls()).toEqual(['unwrap old', 'wrap new', 'unwrap new'])
  })

  it('an envelope without a wrapping to change stays, byte for byte, and no KMS is asked', async () => {
    const { seal, rewrap, calls } = await setup({ replace: [{ from: 'other', to: 'new' }] })
    const messages = await seal({})
    expect(await rewrap(messages)).toEqual([{ as: 'unchanged', value: messages[0]?.value }])
    expect(calls()).toEqual([])
  })

  it('a wrapping may be made anew under the same CMK', async () => {
    const { seal, rewrap, calls } = await setup({ replace: [{ from: 'old', to: 'old' }] })
    const messages = await seal({})
    const [value] = valuesOf(await rewrap(messages))
    expect(calls()).toEqual(['unwrap old', 'wrap old', 'unwrap old'])
    expect(parts(value ?? null).wrappedDeks).not.toEqual(parts(messages[0]?.value ?? null).wrappedDeks)
  })

  it('without a trial, a DEK costs one unwrap and one wrap', async () => {
    const { seal, rewrap, calls, read } = await setup(oldToNew, { verify: false })
    const messages = await seal({})
    expect(await read(valuesOf(await rewrap(messages)), messages)).toEqual([CANARY])
    expect(calls().slice(0, 2)).toEqual(['unwrap old', 'wrap new'])
  })

  it('tombstones stay tombstones', async () => {
    const { rewrap } = await setup(oldToNew)
    expect(await rewrap(messagesOf([null]))).toEqual([{ as: 'tombstone', value: null }])
  })
})

describe('records that cannot be rewrapped', () => {
  it('plaintext, other formats and what is malformed are refused, and no KMS is asked', async () => {
    const { seal, rewrap, calls } = await setup(oldToNew)
    const [message] = await seal({})
    const bytes = message?.value as Buffer
    const values = ['plain', '', 'c301ffffffffffffffff01', bytes.subarray(0, 60), bytes.subarray(0, -1)]
    const given = values.map((value) =>
      typeof value === 'string' && value.startsWith('c3') ? Buffer.from(value, 'hex') : value,
    )
    const outcomes = await rewrap(messagesOf(given))
    expect(kindsOf(outcomes)).toEqual([
      'NOT_SEALED',
      'NOT_SEALED',
      'UNKNOWN_FORMAT',
      'MALFORMED',
      'MALFORMED',
    ])
    expect(calls()).toEqual([])
  })

  it('an envelope is refused whose body is cut, although its preamble is known', async () => {
    const { seal, rewrap } = await setup(oldToNew)
    const [message] = await seal({})
    const cut = message?.value?.subarray(0, -1) as Buffer
    expect(kindsOf(await rewrap([...(await seal({})), ...messagesOf([cut])]))).toEqual([
      'rewrapped',
      'MALFORMED',
    ])
  })

  it('what a consumer would refuse without asking a KMS is refused, and no KMS is asked', async () => {
    const { seal, rewrap, calls } = await setup(oldToNew, { rule: { require: { context: { env: 'test' } } } })
    expect(kindsOf(await rewrap(await seal({})))).toEqual(['REQUIREMENT_UNMET'])
    const other = await setup({ add: ['new'] }, { rule: { cmk: 'other' } })
    expect(kindsOf(await other.rewrap(await other.seal({})))).toEqual(['NO_CANDIDATE'])
    expect([...calls(), ...other.calls()]).toEqual([])
  })

  it('an envelope of another topic is refused', async () => {
    const { seal, rewrap, calls } = await setup(oldToNew)
    expect(kindsOf(await rewrap(await seal({ topic: 'u' })))).toEqual(['WRONG_TOPIC'])
    expect(calls()).toEqual([])
  })

  it('the DEK of another topic gets no new wrapping by a forged header', async () => {
    const { seal, rewrap, writer } = await setup(oldToNew)
    const genuine = await seal({ value: 'genuine' })
    await writer.encryption.rotate()
    const [message] = await seal({ topic: 'u' })
    const forged = Buffer.from(
      (message?.value as Buffer).toString('latin1').replace('\x02u', '\x02t'),
      'latin1',
    )
    expect(parts(forged).topic).toBe('t')
    const outcomes = await rewrap([...messagesOf([forged, forged]), ...genuine])
    expect(kindsOf(outcomes)).toEqual(['AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED', 'rewrapped'])
  })

  it('a changed record does not keep the other ones of its DEK from being rewrapped', async () => {
    const { seal, rewrap } = await setup(oldToNew)
    const [first, second] = await seal({}, {})
    const changed = Buffer.from(first?.value as Buffer)
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1
    const messages = messagesOf([changed, second?.value as Buffer])
    expect(kindsOf(await rewrap(messages))).toEqual(['AUTHENTICATION_FAILED', 'rewrapped'])
  })

  it('the wrapping of a public key does not become one that every reader accepts', async () => {
    const kms = new MemoryKms({ provider: 'memory/rsa-oaep-sha256', publicKeyWraps: true })
    const { seal, rewrap, calls } = await setup(oldToNew, { kms })
    expect(kindsOf(await rewrap(await seal({})))).toEqual(['NO_CANDIDATE'])
    expect(calls()).toEqual([])
    const consenting = await setup(oldToNew, { kms, rule: { acceptPublicKeySealing: true } })
    const messages = await consenting.seal({})
    expect(await consenting.read(valuesOf(await consenting.rewrap(messages)), messages)).toEqual([CANARY])
  })

  it('a forged ciphertext DEK is refused, and nothing is wrapped', async () => {
    const { seal, rewrap, calls } = await setup(oldToNew)
    const [message] = await seal({})
    const forged = withCiphertextDek(message?.value as Buffer, Buffer.alloc(24, 7))
    expect(kindsOf(await rewrap(messagesOf([forged])))).toEqual(['CIPHERTEXT_DEK_INVALID'])
    expect(calls()).toEqual(['unwrap old', 'unwrap old'])
  })

  it('the last wrapping of an envelope is kept', async () => {
    const { seal, rewrap } = await setup({ remove: ['old'] })
    expect(kindsOf(await rewrap(await seal({})))).toEqual(['LAST_WRAPPING'])
  })
})

describe('a wrapping that is removed', () => {
  const both = async () => {
    const made = await setup({ add: ['new'] })
    const messages = await made.seal({})
    return { kms: made.kms, messages, values: valuesOf(await made.rewrap(messages)) }
  }

  it('a wrapping goes only if one of the others opens the envelope', async () => {
    const { kms, values } = await both()
    const { rewrap, read, calls } = await setup({ remove: ['old'] }, { kms })
    const outcomes = await rewrap(messagesOf(values))
    expect(calls()).toEqual(['unwrap new'])
    expect(await read(valuesOf(outcomes), messagesOf(values))).toEqual([CANARY])
  })

  it('a wrapping stays if the others do not open the envelope', async () => {
    const { kms, values } = await both()
    const forged = withCiphertextDek(values[0] ?? null, Buffer.alloc(24, 7), 1)
    const careful = await setup({ remove: ['old'] }, { kms })
    expect(kindsOf(await careful.rewrap(messagesOf([forged])))).toEqual(['UNWRAP_FAILED'])
    const careless = await setup({ remove: ['old'] }, { kms, verify: false })
    expect(kindsOf(await careless.rewrap(messagesOf([forged])))).toEqual(['rewrapped'])
  })

  it('a wrapping stays if the configuration has no CMK of the others', async () => {
    const { kms, values } = await both()
    const unknown = Buffer.from(
      (values[0] as Buffer).toString('latin1').replace('\x06new', '\x06far'),
      'latin1',
    )
    const { rewrap } = await setup({ remove: ['old'] }, { kms })
    expect(kindsOf(await rewrap(messagesOf([unknown])))).toEqual(['NO_CANDIDATE'])
  })

  it('a replaced wrapping stays if the one that is there already does not open the envelope', async () => {
    const { kms, values } = await both()
    const forged = withCiphertextDek(values[0] ?? null, Buffer.alloc(24, 7), 1)
    const { rewrap } = await setup(oldToNew, { kms })
    expect(kindsOf(await rewrap(messagesOf([forged])))).toEqual(['UNWRAP_FAILED'])
  })
})

describe('a KMS that fails', () => {
  it('a KMS that refuses finally ends the run, with the place of the first record that needs it', async () => {
    const { seal, rewrap, kms } = await setup(oldToNew)
    const messages = [...messagesOf([null, 'plain']), ...(await seal({}))].map((message, i) => ({
      ...message,
      offset: String(i),
    }))
    kms.failure = new EnvelopeError('KMS_DENIED', 'no right')
    expect(await thrownBy(() => rewrap(messages))).toMatchObject({
      code: 'KMS_DENIED',
      position: { topic: 't', partition: 0, offset: '2' },
    })
  })

  it('a DEK is rewrapped by another of its wrappings if the CMK of the first is disabled', async () => {
    class Disabled extends MemoryKms {
      override unwrapDek(call: Parameters<MemoryKms['unwrapDek']>[0]) {
        if (call.cmkId === 'other') return Promise.reject(new EnvelopeError('CMK_DISABLED', 'disabled'))
        return super.unwrapDek(call)
      }
    }
    const kms = new Disabled()
    const first = await setup({ add: ['other'] }, { kms, verify: false })
    const values = valuesOf(await first.rewrap(await first.seal({})))
    const { rewrap, calls } = await setup(
      { replace: [{ from: 'other', to: 'new' }] },
      { kms, rule: { cmk: ['other', 'old'] } },
    )
    const [value] = valuesOf(await rewrap(messagesOf(values)))
    expect(calls()).toEqual(['unwrap old', 'wrap new', 'unwrap new'])
    expect(parts(value ?? null).wrappedDeks.map(({ cmkId }) => cmkId)).toEqual(['old', 'new'])
  })

  it.each([
    ['once', 1, 'rewrapped'],
    ['always', Infinity, 'COMMITMENT_MISMATCH'],
  ])('a KMS wraps another DEK %s', async (_, times, expected) => {
    let left = times
    class Mistaken extends MemoryKms {
      override wrapDek(call: Parameters<MemoryKms['wrapDek']>[0]) {
        return super.wrapDek(left-- > 0 ? { ...call, dek: new Uint8Array(32).fill(9) } : call)
      }
    }
    const { seal, rewrap } = await setup(oldToNew, { kms: new Mistaken() })
    expect(kindsOf(await rewrap(await seal({})))).toEqual([expected])
  })
})

/** Replaces the ciphertext DEK of a wrapping by one of the same length. */
function withCiphertextDek(value: Buffer | null, ciphertextDek: Buffer, index = 0): Buffer {
  const before = parts(value).wrappedDeks[index]?.ciphertextDek as Buffer
  const copy = Buffer.from(value as Buffer)
  ciphertextDek.copy(copy, copy.indexOf(before))
  return copy
}
