import { gcpKms } from '../../src/kms/gcp/index.js'
import { GcpKmsEmulator } from '../emulators/gcp/emulator.js'
import { faultProxy } from '../support/fault-proxy.js'
import { describeKmsFaults, REQUEST_TIMEOUT } from './kms-faults.js'

const CMK = 'projects/acme-prod/locations/europe-west3/keyRings/kafka/cryptoKeys/orders'

const error = (code: number, status: string) =>
  ({
    kind: 'answer',
    status: code,
    body: JSON.stringify({ error: { code, status, message: 'no' } }),
  }) as const

describeKmsFaults('gcpKms', async () => {
  const emulator = await GcpKmsEmulator.start()
  emulator.createKey(CMK)
  const token = emulator.token('encrypt', 'decrypt')
  const proxy = await faultProxy(emulator.url)
  return {
    proxy,
    provider: () =>
      gcpKms({
        endpoint: proxy.url,
        accessToken: () => Promise.resolve(token),
        requestTimeout: REQUEST_TIMEOUT,
      }),
    cmkId: CMK,
    throttles: error(429, 'RESOURCE_EXHAUSTED'),
    denies: error(403, 'PERMISSION_DENIED'),
    teardown: () => emulator.close(),
  }
})
