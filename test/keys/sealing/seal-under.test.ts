import { afterEach, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { createEncryption, type DekStore, type Encryption, type StoredDek } from '../../../src/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { CANARY } from '../../support/emissions.js'
import { watch } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'

const open: Encryption[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const NEAR = { kms: 'near', id: 'cmk-near' } as const
const FAR = { kms: 'far', id: 'cmk-far' } as const

async function stage(sealUnder: 'all' | 'any', dekStore?: DekStore) {
  const near = new MemoryKms({ provider: 'near' })
  const far = new MemoryKms({ provider: 'far' })
  const owner = async (cmks: readonly (typeof NEAR | typeof FAR)[]) => {
    const encryption = await createEncryption({
      kms: { near: near.client(), far: far.client() },
      cmks: { both: [NEAR, FAR], mine: cmks },
      topics: [{ match: ['t'], encrypt: { cmk: 'both', sealUnder }, decrypt: { cmk: 'mine' } }],
      kmsRetries: 0,
      ...(dekStore === undefined ? {} : { dekStore }),
    })
    open.push(encryption)
    return encryption
  }
  const producer = await owner([NEAR, FAR])
  return { near, far, owner, producer, events: watch(producer) }
}

const seal = (by: Encryption) => sealRecords(by, [{ topic: 't', value: CANARY }])
const down = () => new EnvelopeError('KMS_UNAVAILABLE', 'away')

it('with `sealUnder: any` records are sealed while one of two KMSs is away, and readers that may use only that one cannot open them', async () => {
  const { near, far, owner, producer, events } = await stage('any')
  near.failure = down()
  const sealed = await seal(producer)
  near.failure = undefined

  expect(events.filter(({ name }) => name === 'dek.created')).toEqual([
    expect.objectContaining({ cmkIds: [FAR.id], missing: [{ cmkId: NEAR.id, code: 'KMS_UNAVAILABLE' }] }),
  ])
  const { status, sealingKeys } = producer.health()
  expect(status).toBe('degraded')
  expect(sealingKeys[0]?.missing).toEqual([{ cmkId: NEAR.id, code: 'KMS_UNAVAILABLE' }])

  expect((await openRecords(await owner([FAR]), sealed))[0]?.value?.toString()).toBe(CANARY)
  expect((await openRecords(await owner([NEAR]), sealed))[0]?.error?.code).toBe('NO_CANDIDATE')
  expect(far.calls.length).toBeGreaterThan(0)
})

it('the next DEK is under all CMKs again', async () => {
  const { near, owner, producer, events } = await stage('any')
  near.failure = down()
  await seal(producer)
  near.failure = undefined
  await producer.rotate()
  const sealed = await seal(producer)

  const created = events.filter(({ name }) => name === 'dek.created')
  expect(created.at(-1)).toEqual(expect.objectContaining({ cmkIds: [NEAR.id, FAR.id] }))
  expect(created.at(-1)).not.toHaveProperty('missing')
  expect(producer.health().status).toBe('ok')
  expect(producer.health().sealingKeys[0]).not.toHaveProperty('missing')
  expect((await openRecords(await owner([NEAR]), sealed))[0]?.value?.toString()).toBe(CANARY)
})

it('sealing needs all CMKs by default', async () => {
  const { far, producer } = await stage('all')
  far.failure = down()
  await expect(seal(producer)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
})

it('with `sealUnder: any` sealing fails if no KMS works', async () => {
  const { near, far, producer } = await stage('any')
  near.failure = down()
  far.failure = new EnvelopeError('KMS_DENIED', 'no')
  await expect(seal(producer)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
})

it('a DEK that lacks a CMK is not kept for the next process, and a provisioned one never lacks any', async () => {
  const saved: StoredDek[] = []
  const { near, producer } = await stage('any', {
    load: () => Promise.resolve(undefined),
    save: (_, dek) => {
      saved.push(dek)
      return Promise.resolve()
    },
    remove: () => Promise.resolve(),
  })
  near.failure = down()
  await seal(producer)
  await expect(producer.createProvisionedDek('t')).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
  near.failure = undefined
  await producer.rotate()
  await producer.close()
  expect(saved.map(({ wrappings }) => wrappings.map(({ cmkId }) => cmkId))).toEqual([[NEAR.id, FAR.id]])
})
