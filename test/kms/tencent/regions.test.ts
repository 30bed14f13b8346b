import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { raw, SECRET, startService, symmetricCmks, type Service } from './service.js'

const NEAR = 'ap-guangzhou/near-cmk'
const FAR = 'ap-shanghai/far-cmk'
const owners: Encryption[] = []
let near: Service
let far: Service

beforeEach(async () => {
  ;[near, far] = await Promise.all([startService(symmetricCmks()), startService(symmetricCmks())])
})
afterEach(async () => {
  await Promise.all(owners.splice(0).map((owner) => owner.close()))
  await Promise.all([near.close(), far.close()])
})

/** An owner with a CMK in each of two regions, which are two services here. */
async function owner(): Promise<Encryption> {
  const { CommonClient } = await import('tencentcloud-sdk-nodejs-common')
  const client = (region: string) =>
    new CommonClient('kms', '2019-01-18', {
      credential: SECRET,
      region,
      profile: {
        httpProfile: {
          protocol: 'http://',
          endpoint: (region === 'ap-guangzhou' ? near : far).url.replace('http://', ''),
        },
      },
    })
  const encryption = await createEncryption({
    kms: { tencent: tencentKms({ client }) },
    cmks: {
      orders: [
        { kms: 'tencent', id: NEAR },
        { kms: 'tencent', id: FAR },
      ],
    },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
  })
  owners.push(encryption)
  return encryption
}

const CANARY = 'canary-5e1f9d of two regions'
const opened = async (sealed: Awaited<ReturnType<typeof sealRecords>>) =>
  (await openRecords(await owner(), sealed)).map(({ value, error }) => error?.code ?? value?.toString())
const actions = (service: Service): string[] => service.asked.splice(0).map(({ action }) => action)

describe('several CMKs in regions', () => {
  it('sealing under CMKs in several regions wraps under each: the first makes the DEK, the others wrap it', async () => {
    const sealed = await sealRecords(await owner(), [{ topic: 'orders', value: CANARY }])
    expect([actions(near), actions(far)]).toEqual([['GenerateDataKey'], ['Encrypt']])
    expect(await opened(sealed)).toEqual([CANARY])
    expect([actions(near), actions(far)]).toEqual([['Decrypt'], []])
  })

  it.each(['near', 'far'] as const)(
    'the outage of the %s region stops neither readers nor their start',
    async (down) => {
      const sealed = await sealRecords(await owner(), [{ topic: 'orders', value: CANARY }])
      ;(down === 'near' ? near : far).answer = () => raw(503, 'down')
      expect(await opened(sealed)).toEqual([CANARY])
    },
  )

  it('the outage of both regions is transient, and the outage of one stops sealing: records must open in either', async () => {
    const first = await owner()
    const sealed = await sealRecords(first, [{ topic: 'orders', value: CANARY }])
    far.answer = () => raw(503, 'down')
    await expect(sealRecords(await owner(), [{ topic: 'orders', value: CANARY }])).rejects.toMatchObject({
      code: 'KMS_UNAVAILABLE',
    })
    near.answer = far.answer
    expect(await opened(sealed)).toEqual(['KMS_UNAVAILABLE'])
  })
})
