import { describe } from 'vitest'
import { awsKms } from '../../src/kms/aws/index.js'
import { faultProxy, type ProxyFault } from '../support/fault-proxy.js'
import { arnOf, KEYS, localKmsProgram, startLocalKms, suiteOnLocalKms } from '../support/servers/local-kms.js'
import { describeKmsFaults, REQUEST_TIMEOUT, type KmsBehindProxy } from './kms-faults.js'

const program = await localKmsProgram()

/** An error as AWS KMS answers it. */
const failed = (code: string): ProxyFault => ({
  kind: 'answer',
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify({ __type: code, message: 'as the service says' }),
})

describe.skipIf(program === undefined)(suiteOnLocalKms(program), () => {
  for (const [name, key] of [
    ['awsKms', KEYS.orders],
    ['awsKms with an RSA key', KEYS.rsa],
  ] as const) {
    describeKmsFaults(name, () => setup(key))
  }

  async function setup(key: string): Promise<KmsBehindProxy> {
    const service = await startLocalKms(program ?? '')
    const proxy = await faultProxy(service.url)
    const cmkId = arnOf(key)
    return {
      proxy,
      provider: () =>
        awsKms({
          endpoint: proxy.url,
          credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' },
          requestTimeout: REQUEST_TIMEOUT,
          ...(key === KEYS.rsa && { cmks: { [cmkId]: { type: 'rsa-2048' } } }),
        }),
      cmkId,
      keepsPublicKey: key === KEYS.rsa,
      throttles: failed('ThrottlingException'),
      denies: failed('AccessDeniedException'),
      teardown: () => service.close(),
    }
  }
})
