import { afterEach, expect, it } from 'vitest'

import { startTencentKmsEmulator, type TencentKmsEmulator } from '../src/index.js'
import { ACTIONS } from '../src/actions/index.js'
import { codeOf, sdkClient } from './support/sdk-client.js'

let kms: TencentKmsEmulator
afterEach(() => kms.close())

/** Stays constant until a test changes it; close enough to the real time for signatures. */
function standingClock(): { at: number } {
  return { at: Math.floor(Date.now() / 1000) * 1000 }
}

async function countUntilLimit(call: () => Promise<unknown>): Promise<number> {
  for (let done = 0; ; done++) {
    const code = await codeOf(call())
    if (code === 'RequestLimitExceeded') return done
    expect(code).toBe('OK')
  }
}

it('each action has its own quota for each second and region', async () => {
  const clock = standingClock()
  kms = await startTencentKmsEmulator({ quotas: { ListKeys: 3, '*': 2 }, clock: () => clock.at })
  const sdk = sdkClient(kms)
  const list = (): Promise<unknown> => sdk.ListKeys({})
  expect(await countUntilLimit(list)).toBe(3)
  expect(await countUntilLimit(() => sdk.GetRegions())).toBe(2)
  expect(await countUntilLimit(() => sdkClient(kms, undefined, 'ap-tokyo').ListKeys({}))).toBe(3)
  clock.at += 999
  expect(await countUntilLimit(list)).toBe(0)
  expect(kms.calls().at(-1)).toMatchObject({ action: 'ListKeys', code: 'RequestLimitExceeded' })
  clock.at += 1
  expect(await countUntilLimit(list)).toBe(3)
})

it('a request with a wrong signature uses up no quota', async () => {
  const clock = standingClock()
  kms = await startTencentKmsEmulator({ quotas: { '*': 1 }, clock: () => clock.at })
  const stranger = sdkClient(kms, { secretId: 'nobody', secretKey: 'k' })
  for (let times = 0; times < 3; times++) {
    expect(await codeOf(stranger.ListKeys({}))).toBe('AuthFailure.SecretIdNotFound')
  }
  expect(await codeOf(sdkClient(kms).ListKeys({}))).toBe('OK')
})

it('the defaults are those of the vendor', async () => {
  const clock = standingClock()
  kms = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }], clock: () => clock.at })
  const KeyId = kms.keys()[0]?.keyId ?? ''
  const sdk = sdkClient(kms)
  const generate = (): Promise<unknown> => sdk.GenerateDataKey({ KeyId, NumberOfBytes: 32 })
  for (let calls = 0; calls < 100; calls++) await sdk.Encrypt({ KeyId, Plaintext: 'eA==' })
  expect(await countUntilLimit(generate)).toBe(200)
  expect(await codeOf(sdk.Decrypt({ CiphertextBlob: 'x' }))).toBe('RequestLimitExceeded')
  const named = {
    Encrypt: 300,
    Decrypt: 300,
    GenerateDataKey: 300,
    AsymmetricRsaDecrypt: 200,
    AsymmetricSm2Decrypt: 200,
    GenerateRandom: 150,
    RotateKey: 20,
  }
  for (const { name, quota } of ACTIONS.values()) {
    expect([name, quota.perSecond]).toEqual([name, name in named ? named[name as keyof typeof named] : 100])
  }
})

it('the quota that symmetric operations share can be set as one, or for one of them alone', async () => {
  const clock = standingClock()
  kms = await startTencentKmsEmulator({
    keys: [{ alias: 'orders' }],
    quotas: { symmetric: 3, GenerateDataKey: 1 },
    clock: () => clock.at,
  })
  const KeyId = kms.keys()[0]?.keyId ?? ''
  const sdk = sdkClient(kms)
  expect(await countUntilLimit(() => sdk.GenerateDataKey({ KeyId, NumberOfBytes: 32 }))).toBe(1)
  expect(await countUntilLimit(() => sdk.Encrypt({ KeyId, Plaintext: 'eA==' }))).toBe(3)
})
