import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { TopicRule } from '../../../src/index.js'
import { inspectRecord } from '../../../src/operate/index.js'
import { sealRecords, type ReadRecord } from '../../../src/record/index.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { parts } from '../../support/sealed.js'

async function owner(rules: readonly TopicRule[] = []) {
  const rule = { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }
  const made = await memoryEncryption([rule, ...rules])
  const seal = async (record: object = {}): Promise<ReadRecord & { value: Buffer; offset: string }> => {
    const [sealed] = await sealRecords(made.encryption, [{ topic: 't', key: 'k', value: CANARY, ...record }])
    return { ...sealed, offset: '7' } as ReadRecord & { value: Buffer; offset: string }
  }
  return { ...made, seal }
}

const unwraps = (kms: { calls: readonly { operation: string }[] }): number =>
  kms.calls.filter(({ operation }) => operation === 'unwrap').length

describe('what a value is', () => {
  it.each([
    [null, { form: 'tombstone' }],
    ['', { form: 'plaintext', bytes: 0 }],
    ['7b7d', { form: 'plaintext', bytes: 2 }],
    ['00000001', { form: 'plaintext', bytes: 4 }],
    ['0000000102', { form: 'confluent', bytes: 5 }],
    ['c301', { form: 'avro', bytes: 2 }],
    ['c30100112233445566', { form: 'avro', bytes: 9 }],
    ['c301001122334455667701', { form: 'avro', bytes: 11, fingerprint: '0011223344556677' }],
    [
      'c3010fea18fa6fe363e8ff',
      { form: 'envelope', version: 1, bytes: 11, malformed: 'the input ends too early' },
    ],
  ])('the value %s is described without its content', async (hex, description) => {
    const value = hex === null ? null : Buffer.from(hex, 'hex')
    expect((await inspectRecord({ value })).value).toEqual(description)
  })

  it('an envelope is described with its wrappings, header and sizes', async () => {
    const { seal } = await owner([
      {
        match: ['rich'],
        encrypt: {
          cmk: 'main',
          context: { env: 'prod' },
          bindHeaders: ['type', 'absent'],
          compression: 'gzip',
        },
      },
    ])
    const record = await seal({ topic: 'rich', headers: { type: 'x', trace: ['1', null] } })
    const { wrappedDeks, session, body, iv } = parts(record.value)
    const found = await inspectRecord({ ...record, timestamp: '1764374400000' })
    expect(found.value).toMatchObject({
      form: 'envelope',
      version: 1,
      bytes: record.value.length,
      wrappings: [
        {
          provider: 'memory',
          cmkId: 'cmk',
          ciphertextDek: { bytes: wrappedDeks[0]?.ciphertextDek.length },
        },
      ],
      header: {
        suite: 1,
        compression: { number: 1, name: 'gzip' },
        keyBound: true,
        boundHeaders: ['absent', 'type'],
        topic: 'rich',
        context: { env: 'prod' },
        sessionId: session,
      },
      iv: iv.toString('hex'),
      bodyBytes: body.length,
      overheadBytes: record.value.length - body.length,
    })
    expect(found.value).not.toHaveProperty('malformed')
    expect(found.record).toEqual({
      topic: 'rich',
      offset: '7',
      timestamp: '2025-11-29T00:00:00.000Z',
      key: { bytes: 1 },
      headers: [
        { name: 'type', bytes: [1] },
        { name: 'trace', bytes: [1, null] },
      ],
    })
  })

  it('records with the same DEK have the same SHA-256 of its ciphertext, and others have not', async () => {
    const { seal, encryption } = await owner()
    const dekOf = async () => {
      const { value } = await inspectRecord(await seal())
      return value.form === 'envelope' ? value.wrappings?.[0]?.ciphertextDek.sha256 : undefined
    }
    const first = await dekOf()
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(await dekOf()).toBe(first)
    await encryption.rotate()
    expect(await dekOf()).not.toBe(first)
  })

  it('the parts of a malformed envelope that can be read are described', async () => {
    const { seal } = await owner()
    const { value } = await seal()
    const cut = await inspectRecord({ value: value.subarray(0, value.length - 1) })
    expect(cut.value).toMatchObject({ malformed: 'the input ends within the body', header: { topic: 't' } })
    expect(cut.value).not.toHaveProperty('bodyBytes')
    const { header } = parts(value)
    const spoilt = Buffer.from(value)
    // keyBound follows suite, compression and dictionary.
    spoilt[value.indexOf(header) + 3] = 2
    const found = await inspectRecord({ value: spoilt })
    expect(found.value).toMatchObject({
      malformed: 'keyBound is neither 0 nor 1',
      wrappings: [{ cmkId: 'cmk' }],
    })
    expect(found.value).not.toHaveProperty('header')
  })

  it('an unknown compression has a number and no name', async () => {
    const { seal } = await owner()
    const { value } = await seal()
    value[value.indexOf(parts(value).header) + 1] = 8
    expect((await inspectRecord({ value })).value).toMatchObject({
      header: { compression: { number: 4 } },
    })
  })

  it('a dead letter says why and where its record was rejected, and long texts are cut', async () => {
    const headers = {
      'kafka-envelope.error': 'MALFORMED',
      'kafka-envelope.offset': Buffer.from('17'),
      'kafka-envelope.group': ['g'.repeat(1000), 'other'],
      own: 'secret',
    }
    const { record } = await inspectRecord({ value: Buffer.from('x'), headers })
    expect(record.deadLetter).toEqual({ error: 'MALFORMED', offset: '17', group: 'g'.repeat(256) })
    expect(inspect(record)).not.toContain('secret')
    const { 'kafka-envelope.error': _, ...others } = headers
    expect((await inspectRecord({ value: null, headers: others })).record).not.toHaveProperty('deadLetter')
  })

  it('a timestamp that is no time is left out', async () => {
    const { record } = await inspectRecord({ value: null, timestamp: '99999999999999999999' })
    expect(record).toEqual({ key: null, headers: [] })
  })
})

describe('whether a configuration accepts a record', () => {
  it('without opening, nothing is unwrapped and no plaintext is returned', async () => {
    const { encryption, kms, seal } = await owner()
    const found = await inspectRecord(await seal(), { encryption })
    expect(found.trial).toMatchObject({ topic: 't', rule: 't', outcome: 'undecided' })
    expect(unwraps(kms)).toBe(0)
    expect(inspect(found, { depth: 9 })).not.toContain(CANARY)
  })

  it('with opening, an accepted record comes with its value', async () => {
    const { encryption, kms, seal } = await owner()
    const found = await inspectRecord(await seal(), { encryption, open: true })
    expect(found.trial?.outcome).toBe('opened')
    expect(found.opened?.toString()).toBe(CANARY)
    expect(unwraps(kms)).toBe(1)
  })

  it('a record without a topic is tried as one of the topic that it was sealed for', async () => {
    const { encryption, seal } = await owner()
    const { topic: _, ...record } = await seal()
    expect((await inspectRecord(record, { encryption, open: true })).trial).toMatchObject({
      topic: 't',
      outcome: 'opened',
    })
    await expect(inspectRecord({ value: Buffer.from('x') }, { encryption })).rejects.toMatchObject({
      code: 'INVALID_RECORD',
    })
  })

  it.each([
    ['prefix', Buffer.of(0xc3, 1), 'MALFORMED'],
    ['envelope', Buffer.from('c3010fea18fa6fe363e802', 'hex'), 'MALFORMED'],
    ['header', undefined, 'MALFORMED'],
  ])('a malformed %s is refused at that check', async (check, given, code) => {
    const { encryption, seal } = await owner()
    const sealed = (await seal()).value
    sealed[sealed.indexOf(parts(sealed).header) + 3] = 2
    const { trial } = await inspectRecord({ topic: 't', value: given ?? sealed }, { encryption })
    expect(trial).toMatchObject({ outcome: 'refused', failure: { check, code, kind: 'invalid' } })
  })

  it('a topic without a rule, or with one that only encrypts, is refused before the first check', async () => {
    const { encryption, seal } = await owner([{ match: ['w'], encrypt: { cmk: 'main' } }])
    for (const topic of ['none', 'w']) {
      const { trial } = await inspectRecord({ ...(await seal()), topic }, { encryption, open: true })
      expect(trial).toMatchObject({ outcome: 'refused', failure: { code: 'TOPIC_NOT_CONFIGURED' } })
      expect(trial).not.toHaveProperty('rule')
      expect(trial?.failure).not.toHaveProperty('check')
      expect(new Set(trial?.checks.map(({ result }) => result))).toEqual(new Set(['notReached']))
    }
  })

  it('values that are delivered as they are pass: of passthrough topics, null, and plaintext that is still allowed', async () => {
    const plaintext = { untilOffsets: { old: { 0: '10' } } }
    const { encryption } = await owner([
      { match: ['plain'], passthrough: true },
      { match: ['old'], decrypt: { cmk: 'main', plaintext, tombstones: 'reject' } },
    ])
    const text = Buffer.from(CANARY)
    const at = (offset: string) => ({ topic: 'old', partition: 0, offset, value: text })
    const outcome = async (record: Parameters<typeof inspectRecord>[0], open: boolean) => {
      const { trial, opened } = await inspectRecord(record, { encryption, open })
      return [trial?.outcome, trial?.failure?.code, opened]
    }
    for (const open of [false, true]) {
      expect(await outcome({ topic: 'plain', value: text }, open)).toEqual([
        'passed',
        undefined,
        open ? text : undefined,
      ])
      expect(await outcome({ topic: 't', value: null }, open)).toEqual([
        'passed',
        undefined,
        open ? null : undefined,
      ])
      expect(await outcome(at('9'), open)).toEqual(['passed', undefined, open ? text : undefined])
      expect(await outcome(at('10'), open)).toEqual(['refused', 'NOT_SEALED', undefined])
      expect(await outcome({ topic: 'old', value: null }, open)).toEqual([
        'refused',
        'TOMBSTONE_REJECTED',
        undefined,
      ])
    }
  })

  it('a KMS that cannot answer makes the record unavailable, and a consumer would retry', async () => {
    const { encryption, kms, seal } = await owner()
    const record = await seal()
    kms.failure = new EnvelopeError('KMS_DENIED', 'no', { kmsCode: 'Denied', requestId: 'r-1' })
    expect((await inspectRecord(record, { encryption, open: true })).trial).toMatchObject({
      outcome: 'refused',
      failure: {
        check: 'unwrapping',
        code: 'KMS_DENIED',
        kmsCode: 'Denied',
        requestId: 'r-1',
        consumer: 'stop',
      },
    })
    kms.failure = new EnvelopeError('KMS_RATE_LIMITED', 'no')
    expect((await inspectRecord(record, { encryption, open: true })).trial).toMatchObject({
      outcome: 'unavailable',
      failure: { check: 'unwrapping', code: 'KMS_RATE_LIMITED', kind: 'transient', consumer: 'retry' },
    })
  })

  it('a failure says what the rule does about such a record, and asks no function', async () => {
    let asked = 0
    const { encryption, seal } = await owner([
      { match: ['skip'], decrypt: { cmk: 'main', onInvalid: 'skip' } },
      { match: ['dead'], decrypt: { cmk: 'main', onInvalid: { deadLetter: 'letters' } } },
      { match: ['ask'], decrypt: { cmk: 'main', onInvalid: () => (asked++, 'skip' as const) } },
    ])
    const record = await seal()
    const consumer = async (topic: string) =>
      (await inspectRecord({ ...record, topic }, { encryption })).trial?.failure?.consumer
    expect(await consumer('skip')).toBe('skip')
    expect(await consumer('dead')).toEqual({ deadLetter: 'letters' })
    expect(await consumer('ask')).toBe('ask')
    expect(asked).toBe(0)
  })
})
