import { azureKms } from '../../src/kms/azure/index.js'
import { AzureEmulator } from '../emulators/azure/emulator.js'
import { faultProxy } from '../support/fault-proxy.js'
import { describeKmsFaults, REQUEST_TIMEOUT } from './kms-faults.js'

const error = (status: number, code: string) =>
  ({ kind: 'answer', status, body: JSON.stringify({ error: { code, message: 'no' } }) }) as const

// Under an RSA key, wrapping needs the service only once an hour.
describeKmsFaults('azureKms', async () => {
  const emulator = await AzureEmulator.start()
  emulator.createKey('orders', 'oct-HSM')
  const token = emulator.token('encrypt', 'decrypt')
  const proxy = await faultProxy(emulator.url)
  const { host } = new URL(proxy.url)
  return {
    proxy,
    provider: () =>
      azureKms({
        credential: { getToken: () => Promise.resolve({ token }) },
        hosts: { [host]: { type: 'managed-hsm', scope: 'https://managedhsm.azure.net/.default' } },
        requestTimeout: REQUEST_TIMEOUT,
      }),
    cmkId: `${proxy.url}/keys/orders`,
    throttles: error(429, 'Throttled'),
    denies: error(403, 'Forbidden'),
    teardown: () => emulator.close(),
  }
})
