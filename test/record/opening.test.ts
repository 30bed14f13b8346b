import { describe, expect, it } from 'vitest'
import type { EncryptRule, DecryptRule, TopicRule, Requirements } from '../../src/index.js'
import { EnvelopeError } from '../../src/errors.js'
import { openRecords, sealRecords, type ReadRecord } from '../../src/record/index.js'
import { CANARY, emitted } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'

const VALUE = `${CANARY} value`

async function owner(
  encrypt: Partial<EncryptRule> = {},
  decrypt: Partial<DecryptRule> = {},
  more: readonly TopicRule[] = [],
  kms = new MemoryKms(),
) {
  const rule = { match: ['t'], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main', ...decrypt } }
  const made = await memoryEncryption([rule, ...more], { kms })
  const seal = async (record: object = {}): Promise<ReadRecord> => {
    const [sealed] = await sealRecords(made.encryption, [{ topic: 't', key: 'k', value: VALUE, ...record }])
    if (sealed === undefined) throw new Error('nothing was sealed')
    return sealed
  }
  /** The value as text, or the code it was refused with. */
  const open = async (record: ReadRecord): Promise<string | null> => {
    const [opened] = await openRecords(made.encryption, [record])
    if (opened === undefined) throw new Error('no result')
    if (opened.error === undefined) return opened.value?.toString() ?? null
    emitted('error', opened.error)
    expect(opened.error.position?.topic).toBe(record.topic)
    return opened.error.code
  }
  return { ...made, seal, open }
}

it('an opened record says what was authenticated, and keeps unknown members', async () => {
  const { encryption, seal } = await owner({
    context: { app: 'pay' },
    bindHeaders: ['type'],
    compression: 'gzip',
  })
  const sealed = await seal({ headers: { type: 'x' }, mine: 1 })
  expect(sealed).toMatchObject({ mine: 1, topic: 't' })
  const [opened] = await openRecords(encryption, [sealed])
  expect(opened).toMatchObject({
    envelope: {
      provider: 'memory',
      cmkId: 'cmk',
      topic: 't',
      keyBound: true,
      boundHeaders: ['type'],
      context: { app: 'pay' },
      suite: 1,
      compression: 'gzip',
      dictionary: undefined,
    },
  })
  expect((opened as { envelope: { sessionId: string } }).envelope.sessionId).toMatch(/^[0-9a-f]{32}$/)
})

describe('what a read rule requires', () => {
  it('a read rule can require a bound key, bound headers and context entries', async () => {
    /** The code with which a rule that requires `require` refuses what a rule with `encrypt` sealed. */
    const refusal = async (encrypt: Partial<EncryptRule>, require: Requirements = {}) => {
      const reader = { match: ['strict'], decrypt: { cmk: 'main', originalTopics: ['t'], require } }
      const { seal, open } = await owner(encrypt, { require: { bindKey: false } }, [reader])
      return open({ ...(await seal()), topic: 'strict' })
    }
    expect(await refusal({ bindKey: false })).toBe('REQUIREMENT_UNMET')
    const unbound = await owner({ bindKey: false }, { require: { bindKey: false } })
    expect(await unbound.open({ ...(await unbound.seal()), key: 'another' })).toBe(VALUE)
    expect(await refusal({ bindHeaders: ['a'] }, { bindHeaders: ['a', 'b'] })).toBe('REQUIREMENT_UNMET')
    const context = { app: 'x', more: '1' }
    expect(await refusal({ context }, { context: { app: 'y' } })).toBe('REQUIREMENT_UNMET')
    const met = await owner({ context: { app: 'x', more: '1' } }, { require: { context: { app: 'x' } } })
    expect(await met.open(await met.seal())).toBe(VALUE)
  })

  it('a read rule accepts records sealed for its topic, or for one that `originalTopics` names, exactly or by prefix', async () => {
    const read = (originalTopics: string[]): DecryptRule => ({ cmk: 'main', originalTopics })
    const { seal, open } = await owner({}, {}, [
      { match: ['none'], decrypt: { cmk: 'main' } },
      { match: ['exact'], decrypt: read(['t']) },
      { match: ['prefix'], decrypt: read(['x', 't*']) },
      { match: ['other'], decrypt: read(['tt', 'tt*']) },
    ])
    const sealed = await seal()
    expect(await open({ ...sealed, topic: 'none' })).toBe('WRONG_TOPIC')
    expect(await open({ ...sealed, topic: 'exact' })).toBe(VALUE)
    expect(await open({ ...sealed, topic: 'prefix' })).toBe(VALUE)
    expect(await open({ ...sealed, topic: 'other' })).toBe('WRONG_TOPIC')
  })

  it('a read rule accepts only wrappings under CMKs that it names; for others no KMS is asked', async () => {
    const kms = new MemoryKms()
    const { encryption } = await memoryEncryption(
      [
        { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
        { match: ['u'], decrypt: { cmk: 'other', originalTopics: ['t'] } },
      ],
      { kms, cmks: { main: [{ kms: 'memory', id: 'a' }], other: [{ kms: 'memory', id: 'b' }] } },
    )
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const [opened] = await openRecords(encryption, [{ ...sealed, topic: 'u', value: sealed?.value ?? null }])
    expect(opened?.error).toMatchObject({ code: 'NO_CANDIDATE', kind: 'unreadable' })
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate'])
  })

  it('public-key wrappings open only if the rule accepts them', async () => {
    const kms = new MemoryKms({ publicKeyWraps: true, provider: 'memory/rsa' })
    const { encryption } = await memoryEncryption(
      [
        { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } },
        { match: ['u'], decrypt: { cmk: 'main', originalTopics: ['t'], acceptPublicKeySealing: true } },
      ],
      { kms },
    )
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const value = sealed?.value ?? null
    const [refused, opened] = await openRecords(encryption, [
      { topic: 't', value },
      { topic: 'u', value },
    ])
    expect(refused?.error).toMatchObject({ code: 'NO_CANDIDATE' })
    expect(opened?.value?.toString()).toBe(VALUE)
  })
})

describe('several wrappings', () => {
  async function both(readers: 'both' | 'far' = 'both') {
    const [near, far] = [new MemoryKms({ provider: 'near' }), new MemoryKms({ provider: 'far' })]
    const { createEncryption } = await import('../../src/index.js')
    const encryption = await createEncryption({
      kms: { near, far },
      cmks: {
        both: [
          { kms: 'near', id: 'a' },
          { kms: 'far', id: 'b' },
        ],
        far: [{ kms: 'far', id: 'b' }],
      },
      topics: [{ match: ['t'], encrypt: { cmk: 'both' }, decrypt: { cmk: readers } }],
    })
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: VALUE }])
    const open = async () =>
      (await openRecords(encryption, [{ topic: 't', value: sealed?.value ?? null }]))[0]
    const unwraps = (kms: MemoryKms): number =>
      kms.calls.filter(({ operation }) => operation === 'unwrap').length
    return { near, far, open, unwraps }
  }

  it('the nearest of several wrappings opens, and the other is not asked', async () => {
    const { near, far, open, unwraps } = await both()
    expect((await open())?.value?.toString()).toBe(VALUE)
    expect([unwraps(near), unwraps(far)]).toEqual([1, 0])
  })

  it.each(['KMS_UNAVAILABLE', 'CMK_DISABLED'] as const)(
    'the next of several wrappings opens if the nearest fails with %s',
    async (code) => {
      const { near, far, open, unwraps } = await both()
      near.failure = new EnvelopeError(code, 'no')
      const opened = await open()
      expect(opened).toMatchObject({ envelope: { provider: 'far', cmkId: 'b' } })
      expect(unwraps(far)).toBe(1)
    },
  )

  it('if none of several wrappings opens, a transient failure is reported if there was one, else the first', async () => {
    const { near, far, open } = await both()
    near.failure = new EnvelopeError('KMS_DENIED', 'no')
    far.failure = new EnvelopeError('CMK_NOT_FOUND', 'no')
    expect((await open())?.error).toMatchObject({ code: 'KMS_DENIED' })
    far.failure = new EnvelopeError('KMS_THROTTLED', 'no')
    expect((await open())?.error).toMatchObject({ code: 'KMS_THROTTLED' })
  })

  it('a rule that names the CMK of one of several wrappings uses only that one', async () => {
    const { near, far, open, unwraps } = await both('far')
    expect((await open())?.value?.toString()).toBe(VALUE)
    expect([unwraps(near), unwraps(far)]).toEqual([0, 1])
  })
})

describe('tombstones, plaintext and sealed values', () => {
  it('tombstones pass as null both ways, unless a rule refuses them', async () => {
    const passing = await owner()
    expect((await passing.seal({ value: null })).value).toBeNull()
    expect(await passing.open({ topic: 't', value: null })).toBeNull()
    const refusing = await owner({ tombstones: 'reject' }, { tombstones: 'reject' })
    await expect(refusing.seal({ value: null })).rejects.toMatchObject({ code: 'TOMBSTONE_REJECTED' })
    expect(await refusing.open({ topic: 't', value: null })).toBe('TOMBSTONE_REJECTED')
  })

  it('plaintext is delivered before the offsets stated, and nowhere else', async () => {
    const plaintext = { untilOffsets: { t: { 0: '10', 2: '5' } }, fingerprints: ['00112233445566ff'] }
    const { open } = await owner({}, { plaintext })
    const at = (value: Buffer, partition?: number, offset?: string) =>
      open({
        topic: 't',
        value,
        ...(partition === undefined ? {} : { partition }),
        ...(offset === undefined ? {} : { offset }),
      })
    const text = Buffer.from('plain')
    expect(await at(text, 0, '9')).toBe('plain')
    expect(await at(text, 0, '10')).toBe('NOT_SEALED')
    expect(await at(text, 1, '0')).toBe('NOT_SEALED')
    expect(await at(text, 2, '4')).toBe('plain')
    expect(await at(text, 0)).toBe('NOT_SEALED')
    expect(await at(text)).toBe('NOT_SEALED')
    expect(await at(Buffer.alloc(0), 0, '1')).toBe('')
    const own = Buffer.from('c30100112233445566ff01', 'hex')
    expect(await at(own, 0, '9')).toBe(own.toString())
    expect(await at(own, 0, '10')).toBe('UNKNOWN_FORMAT')
    expect(await at(Buffer.from('c301001122334455660001', 'hex'), 0, '9')).toBe('UNKNOWN_FORMAT')
    expect(await at(Buffer.from('c301', 'hex'), 0, '9')).toBe('MALFORMED')
  })

  it('an envelope is not sealed again; it passes if the rule says so and it really is one', async () => {
    const { seal, open } = await owner()
    const sealed = await seal()
    await expect(seal({ value: sealed.value })).rejects.toMatchObject({ code: 'ALREADY_SEALED' })
    const forwarding = await owner({ passSealed: true })
    expect((await forwarding.seal({ value: sealed.value })).value).toEqual(sealed.value)
    const disguised = Buffer.concat([(sealed.value ?? Buffer.alloc(0)).subarray(0, 10), Buffer.from(VALUE)])
    await expect(forwarding.seal({ value: disguised })).rejects.toMatchObject({ code: 'MALFORMED' })
    expect(await open(sealed)).toBe(VALUE)
  })

  it('records of passthrough topics pass unchanged, both ways', async () => {
    const { encryption, open } = await owner({}, {}, [{ match: ['plain.*'], passthrough: true }])
    const [sent] = await sealRecords(encryption, [{ topic: 'plain.a', value: 'text' }])
    expect(sent?.value?.toString()).toBe('text')
    expect(await open({ topic: 'plain.a', value: Buffer.from('text') })).toBe('text')
  })

  it('a value over the cap after decompression is refused, one at the cap is not', async () => {
    const kms = new MemoryKms()
    const { seal, open } = await owner({ compression: 'gzip' }, { maxDecompressedBytes: 1000 }, [], kms)
    const larger = await owner({ compression: 'gzip' }, { maxDecompressedBytes: '1GiB' }, [], kms)
    expect(await open(await seal({ value: 'x'.repeat(1000) }))).toBe('x'.repeat(1000))
    for (const length of [1001, 100_000_000])
      expect(await open(await larger.seal({ value: 'x'.repeat(length) }))).toBe('TOO_LARGE')
  })
})
