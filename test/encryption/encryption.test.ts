import { describe, expect, it } from 'vitest'
import { createEncryption, EnvelopeError, type TopicRule, type EncryptionConfig } from '../../src/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'
import { sealRecords } from '../../src/record/index.js'

const rule = { match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }

describe('verify', () => {
  it('verify() passes if everything that the rules need works, and makes no DEK', async () => {
    const { encryption, kms } = await memoryEncryption([rule])
    await encryption.verify()
    expect(kms.calls).toEqual([])
  })

  it('verify() fails with the failure of the KMS: sealing needs all CMKs, reading at least one', async () => {
    const [near, far] = [new MemoryKms({ provider: 'near' }), new MemoryKms({ provider: 'far' })]
    const make = (rule: TopicRule<'both'>) =>
      createEncryption({
        kms: { near, far },
        cmks: {
          both: [
            { kms: 'near', id: 'a' },
            { kms: 'far', id: 'b' },
          ],
        },
        topics: [rule],
      })
    const [sealing, reading] = [
      await make({ match: ['t'], encrypt: { cmk: 'both' } }),
      await make({ match: ['t'], decrypt: { cmk: 'both' } }),
    ]
    near.failure = new EnvelopeError('KMS_DENIED', 'no')
    await expect(sealing.verify()).rejects.toMatchObject({ code: 'KMS_DENIED' })
    await reading.verify()
    far.failure = new EnvelopeError('CMK_DISABLED', 'no')
    await expect(reading.verify()).rejects.toMatchObject({ code: 'KMS_DENIED' })
  })

  it('verify() has nothing to prove for passthrough, and fails once closed', async () => {
    const { encryption } = await memoryEncryption([{ match: ['t'], passthrough: true }])
    await encryption.verify()
    await encryption.close()
    await expect(encryption.verify()).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    await expect(encryption.rotate()).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    encryption.evict('cmk')
  })
})

it('two KMS services that look alike in an envelope cannot be in one list', async () => {
  const config: EncryptionConfig = {
    kms: { one: new MemoryKms(), two: new MemoryKms() },
    cmks: {
      main: [
        { kms: 'one', id: 'x' },
        { kms: 'two', id: 'x' },
      ],
    },
    topics: [rule],
  }
  await expect(createEncryption(config)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    issues: [{ path: 'cmks.main', message: 'memory x is a duplicate CMK' }],
  })
})

it('two KMS services that look alike in an envelope cannot be read under one rule', async () => {
  const config: EncryptionConfig = {
    kms: { one: new MemoryKms(), two: new MemoryKms() },
    cmks: { now: [{ kms: 'one', id: 'x' }], then: [{ kms: 'two', id: 'x' }] },
    topics: [{ ...rule, encrypt: { cmk: 'now' }, decrypt: { cmk: ['now', 'then'] } }],
  }
  await expect(createEncryption(config)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    issues: [{ path: 'topics[0].decrypt.cmk', message: 'memory x is a duplicate CMK' }],
  })
})

it('a KMS that does not know a CMK fails before anything connects', async () => {
  const kms = new MemoryKms()
  kms.describe = () => Promise.reject(new EnvelopeError('CMK_NOT_FOUND', 'no such CMK'))
  await expect(memoryEncryption([rule], { kms })).rejects.toMatchObject({ code: 'CMK_NOT_FOUND' })
})

it('health() lists every CMK that a rule names, by the rules that seal under it and those that open', async () => {
  const { encryption } = await memoryEncryption(
    [
      { name: 'new', match: ['n'], encrypt: { cmk: 'second' }, decrypt: { cmk: ['second', 'main'] } },
      { name: 'old', match: ['o'], decrypt: { cmk: 'alias' } },
    ],
    {
      cmks: {
        main: [{ kms: 'memory', id: 'a' }],
        alias: [{ kms: 'memory', id: 'a' }],
        second: [{ kms: 'memory', id: 'b' }],
        spare: [{ kms: 'memory', id: 'c' }],
      },
    },
  )
  expect(encryption.health().cmks).toEqual([
    { kms: 'memory', cmkId: 'b', sealing: ['new'], opening: ['new'] },
    { kms: 'memory', cmkId: 'a', sealing: [], opening: ['new', 'old'] },
  ])
  await encryption.close()
})

it('health() reports the state of the DEKs of each rule', async () => {
  const { encryption, kms } = await memoryEncryption([rule])
  expect(encryption.health()).toEqual({
    status: 'ok',
    engine: process.env['KAFKA_ENVELOPE_ENGINE'],
    sealingKeys: [],
    openedDeks: 0,
    keyLookups: { hits: 0, misses: 0 },
    cmks: [{ kms: 'memory', cmkId: 'cmk', sealing: ['t'], opening: ['t'] }],
    stopped: [],
    waiting: [],
    overrides: [],
  })
  kms.hold = true
  const sealing = sealRecords(encryption, [{ topic: 't', value: CANARY }])
  await kms.waitForHeld()
  expect(encryption.health().sealingKeys).toEqual([{ rule: 't', state: 'fetching' }])
  kms.held[0]?.succeed()
  await sealing
  expect(encryption.health().sealingKeys).toMatchObject([
    { rule: 't', state: 'ready', messages: 1, bytes: CANARY.length },
  ])
  await encryption.close()
  expect(encryption.health()).toMatchObject({ status: 'closed', sealingKeys: [{ state: 'closed' }] })
})

it('`await using` closes the encryption at the end of its block', async () => {
  const { encryption } = await memoryEncryption([rule])
  {
    await using inBlock = encryption
    expect(inBlock.health().status).toBe('ok')
  }
  expect(encryption.health().status).toBe('closed')
})

it('the start is reported with the engine that runs, to listeners that are added at once', async () => {
  const { encryption, events } = await memoryEncryption([rule])
  await new Promise((resolve) => setImmediate(resolve))
  const { engine } = encryption.health()
  expect(events.filter(({ name }) => name === 'engine.chosen')).toMatchObject([{ engine }])
  await encryption.close()
})
