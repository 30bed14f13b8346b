import { describe } from 'vitest'
import { awsKms } from '../../src/kms/aws/index.js'
import { faultProxy, type ProxyFault } from '../support/fault-proxy.js'
import { arnOf, KEYS, localKmsProgram, startLocalKms, suiteOnLocalKms } from '../support/servers/local-kms.js'
import { describeKmsFaults, REQUEST_TIMEOUT } from './kms-faults.js'

const program = await localKmsProgram()

/** An error as AWS KMS answers it. */
const failed = (code: string): ProxyFault => ({
  kind: 'answer',
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify({ __type: code, message: 'as the service says' }),
})

describe.skipIf(program === undefined)(suiteOnLocalKms(program), () => {
  describeKmsFaults('aws', async () => {
    const service = await startLocalKms(program ?? '')
    const proxy = await faultProxy(service.url)
    const cmkId = arnOf(KEYS.orders)
    return {
      proxy,
      provider: () =>
        awsKms({
          endpoint: proxy.url,
          credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' },
          requestTimeout: REQUEST_TIMEOUT,
        }),
      cmkId,
      throttles: failed('ThrottlingException'),
      denies: failed('AccessDeniedException'),
      teardown: () => service.close(),
    }
  })
})
