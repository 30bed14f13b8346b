import { tencentKms } from '../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type CmkUsage,
} from '../../packages/tencent-kms-emulator/src/index.js'
import { faultProxy } from '../support/fault-proxy.js'
import { describeKmsFaults, REQUEST_TIMEOUT, type KmsBehindProxy } from './kms-faults.js'

const error = (Code: string) =>
  ({
    kind: 'answer',
    status: 200,
    body: JSON.stringify({ Response: { Error: { Code, Message: 'no' }, RequestId: 'r-1' } }),
  }) as const

// The SDK does not notice that a body of known length ends early: the deadline does.
const BESIDES = {
  'a connection that ends in the answer': ['KMS_UNAVAILABLE', 'KMS_TIMEOUT'],
  'a reset in the answer': ['KMS_UNAVAILABLE', 'KMS_TIMEOUT'],
} as const

describeKmsFaults('tencentKms', () => setup('ENCRYPT_DECRYPT'), BESIDES)
describeKmsFaults('tencentKms with an RSA key', () => setup('ASYMMETRIC_DECRYPT_RSA_2048'), BESIDES)

async function setup(usage: CmkUsage): Promise<KmsBehindProxy> {
  const emulator = await startTencentKmsEmulator({ quotas: { '*': Infinity }, keys: [{ alias: 'a', usage }] })
  const proxy = await faultProxy(emulator.url)
  const [{ region, keyId } = { region: '', keyId: '' }] = emulator.keys()
  const cmkId = `${region}/${keyId}`
  const isRsa = usage !== 'ENCRYPT_DECRYPT'
  return {
    proxy,
    provider: () =>
      tencentKms({
        endpoint: proxy.url,
        credentials: EMULATOR_CREDENTIAL,
        requestTimeout: REQUEST_TIMEOUT,
        ...(isRsa && { cmks: { [cmkId]: { type: 'rsa-2048' } } }),
      }),
    cmkId,
    keepsPublicKey: isRsa,
    throttles: error('RequestLimitExceeded'),
    denies: error('UnauthorizedOperation'),
    teardown: () => emulator.close(),
  }
}
