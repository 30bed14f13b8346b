import { describe } from 'vitest'
import { awsKms } from '../../../src/kms/aws/index.js'
import { faultProxy } from '../../support/fault-proxy.js'
import {
  arnOf,
  KEYS,
  localKmsProgram,
  startLocalKms,
  suiteOnLocalKms,
} from '../../support/servers/local-kms.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'

const program = await localKmsProgram()

describe.skipIf(program === undefined)(suiteOnLocalKms(program), () => {
  describeKmsOnKafka('awsKms', async () => {
    const service = await startLocalKms(program ?? '')
    const proxy = await faultProxy(service.url)
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' }
    return {
      cmkId: arnOf(KEYS.orders),
      proxy,
      sealing: () => awsKms({ endpoint: proxy.url, credentials }),
      reading: {
        module: new URL('reading/aws.ts', import.meta.url).href,
        options: { endpoint: service.url, credentials },
      },
      rotate: () => service.rotate(),
      setEnabled: (enabled) =>
        service.administer(enabled ? 'EnableKey' : 'DisableKey', { KeyId: KEYS.orders }),
      teardown: () => service.close(),
    }
  })
})
