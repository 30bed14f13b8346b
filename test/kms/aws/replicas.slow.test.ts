import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { awsKms } from '../../../src/kms/aws/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { thrownBy } from '../../support/emissions.js'
import { faultProxy, type FaultProxy } from '../../support/fault-proxy.js'
import {
  arnOf,
  KEYS,
  localKmsProgram,
  REGION,
  startLocalKms,
  suiteOnLocalKms,
  type LocalKms,
} from '../../support/servers/local-kms.js'
import { SECRET, signal } from './service.js'

const program = await localKmsProgram()
const NEAR = arnOf(KEYS.multiRegion)
const FAR = arnOf(KEYS.multiRegion, 'us-east-1')

describe.skipIf(program === undefined)(suiteOnLocalKms(program), () => {
  let service: LocalKms
  let proxy: FaultProxy
  const open: Encryption[] = []

  beforeAll(async () => {
    service = await startLocalKms(program ?? '')
    proxy = await faultProxy(service.url)
  })
  afterAll(async () => {
    for (const each of open) await each.close()
    await proxy.close()
    await service.close()
  })

  const kms = () => awsKms({ endpoint: proxy.url, credentials: SECRET })

  async function owner(...ids: string[]): Promise<Encryption> {
    const encryption = await createEncryption({
      kms: { aws: kms() },
      cmks: { orders: ids.map((id) => ({ kms: 'aws' as const, id })) },
      topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
      kmsRetries: 0,
    })
    open.push(encryption)
    return encryption
  }

  const seal = (by: Encryption) => sealRecords(by, [{ topic: 'orders', value: 'a value' }])
  const regionsAsked = (): (string | undefined)[] =>
    proxy.requests.map(({ headers }) => /\/([a-z0-9-]+)\/kms\//.exec(String(headers.authorization))?.[1])

  it('an envelope of one region opens with the replica of another region, and only that region is asked', async () => {
    const sealed = await seal(await owner(FAR))
    const before = proxy.requests.length
    const [opened] = await openRecords(await owner(NEAR), sealed)
    expect(opened?.error).toBeUndefined()
    expect(opened?.value?.toString()).toBe('a value')
    expect(regionsAsked().slice(before)).toEqual([REGION])
  })

  it('an envelope of a multi-region key does not open with another key', async () => {
    const sealed = await seal(await owner(FAR))
    const [opened] = await openRecords(await owner(arnOf(KEYS.orders)), sealed)
    expect(opened?.error?.code).toBe('NO_CANDIDATE')
  })

  it('a DEK of the replica of another region is re-encrypted with the near one, and only that region is asked', async () => {
    const [own, context] = [kms(), { tenant: 'acme' }]
    const { dek, ciphertextDek } = await own.generateDek({ cmkId: FAR, context, signal })
    const toCmkId = arnOf(KEYS.other)
    const before = proxy.requests.length
    const call = { cmkId: NEAR, toCmkId, context, ciphertextDek, signal }
    const rewrapped = await (own as Required<Kms>).rewrapDek(call)
    expect(regionsAsked().slice(before)).toEqual([REGION])
    expect(await own.unwrapDek({ cmkId: toCmkId, context, ciphertextDek: rewrapped, signal })).toEqual(dek)
    // A replica is not a way to another region.
    const { rewrapsTo } = await own.describe(NEAR, signal)
    expect([NEAR, FAR, toCmkId].map((id) => rewrapsTo?.(id))).toEqual([true, false, true])
    await own.close?.()
  })

  it('an answer that names the replica of another region is not believed', async () => {
    const { ciphertextDek } = await kms().generateDek({ cmkId: NEAR, context: {}, signal })
    const Plaintext = Buffer.alloc(32, 7).toString('base64')
    proxy.inject({ kind: 'body', body: JSON.stringify({ KeyId: FAR, Plaintext }) })
    expect(
      await thrownBy(() => kms().unwrapDek({ cmkId: NEAR, context: {}, ciphertextDek, signal })),
    ).toMatchObject({
      // No record can select a replica, so none is to blame.
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('a reader that lists two replicas opens with the second one while the region of the first is down', async () => {
    const sealed = await seal(await owner(FAR))
    const reader = await owner(FAR, NEAR)
    const before = proxy.requests.length
    proxy.inject({ kind: 'answer', status: 503, body: '' })
    const [opened] = await openRecords(reader, sealed)
    expect(opened?.error).toBeUndefined()
    expect(regionsAsked().slice(before)).toEqual(['us-east-1', REGION])
  })
})
