import { tencentKms } from '../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
} from '../../packages/tencent-kms-emulator/src/index.js'
import { faultProxy } from '../support/fault-proxy.js'
import { describeKmsFaults, REQUEST_TIMEOUT } from './kms-faults.js'

const error = (Code: string) =>
  ({
    kind: 'answer',
    status: 200,
    body: JSON.stringify({ Response: { Error: { Code, Message: 'no' }, RequestId: 'r-1' } }),
  }) as const

describeKmsFaults(
  'tencentKms',
  async () => {
    const emulator = await startTencentKmsEmulator({ quotas: { '*': Infinity }, keys: [{ alias: 'a' }] })
    const proxy = await faultProxy(emulator.url)
    const [{ region, keyId } = { region: '', keyId: '' }] = emulator.keys()
    return {
      proxy,
      provider: () =>
        tencentKms({
          endpoint: proxy.url,
          credentials: EMULATOR_CREDENTIAL,
          requestTimeout: REQUEST_TIMEOUT,
        }),
      cmkId: `${region}/${keyId}`,
      throttles: error('RequestLimitExceeded'),
      denies: error('UnauthorizedOperation'),
      teardown: () => emulator.close(),
    }
  },
  {
    // The SDK does not notice that a body of known length ends early: the deadline does.
    'a connection that ends in the answer': ['KMS_UNAVAILABLE', 'KMS_TIMEOUT'],
    'a reset in the answer': ['KMS_UNAVAILABLE', 'KMS_TIMEOUT'],
  },
)
