import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Client } from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'
import { startTencentKmsEmulator, type TencentKmsEmulator } from '../src/index.js'
import { ACTIONS } from '../src/actions/index.js'
import { lists } from '../src/codes.js'
import { Refusal } from '../src/refusal.js'
import { codeOf, sdkClient } from './support/sdk-client.js'

let kms: TencentKmsEmulator
let sdk: Client

beforeAll(async () => {
  kms = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
  sdk = sdkClient(kms)
})
afterEach(() => {
  vi.restoreAllMocks()
})
afterAll(() => kms.close())

describe('an action that is refused', () => {
  const refuseDescribeKey = (code: string): void => {
    const found = ACTIONS.get('DescribeKey')
    if (found === undefined) throw new Error('there is no DescribeKey')
    vi.spyOn(found, 'run').mockImplementation(() => {
      throw new Refusal(code, 'refused')
    })
  }

  it('an action that is refused answers a code that the vendor lists for it', async () => {
    refuseDescribeKey('ResourceUnavailable.CmkNotFound')
    expect(await codeOf(sdk.DescribeKey({ KeyId: 'x' }))).toBe('ResourceUnavailable.CmkNotFound')
  })

  it('an action that is refused answers no other code: another code appears as an error of the emulator', async () => {
    refuseDescribeKey('ResourceUnavailable.CmkDisabled')
    expect(await codeOf(sdk.DescribeKey({ KeyId: 'x' }))).toBe('InternalError')
  })
})

it('every action has a list, and an unknown action has none', () => {
  // Actions that take no key list no codes of their own.
  const bare = ['GenerateRandom', 'ListAlgorithms', 'GetRegions', 'GetServiceStatus']
  const own = (action: string): boolean =>
    ['ResourceUnavailable.CmkNotFound', 'InvalidParameterValue.InvalidHsmClusterId'].some((code) =>
      lists(action, code),
    )
  expect([...ACTIONS.keys()].filter((action) => !own(action))).toEqual(bare)
  expect(lists('NoSuchAction', 'ResourceUnavailable.CmkNotFound')).toBe(false)
})
