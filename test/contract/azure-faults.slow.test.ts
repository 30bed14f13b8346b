import { azureKms, type HolderType } from '../../src/kms/azure/index.js'
import { AzureEmulator } from '../emulators/azure/emulator.js'
import type { KeyType } from '../emulators/azure/vault-key.js'
import { faultProxy } from '../support/fault-proxy.js'
import { describeKmsFaults, REQUEST_TIMEOUT, type KmsBehindProxy } from './kms-faults.js'

const error = (status: number, code: string) =>
  ({ kind: 'answer', status, body: JSON.stringify({ error: { code, message: 'no' } }) }) as const

const HOLDERS = [
  ['vault', 'RSA'],
  ['managed-hsm', 'oct-HSM'],
] as const

for (const [type, keyType] of HOLDERS)
  describeKmsFaults(`azureKms with a ${type}`, () => setup(type, keyType))

async function setup(type: HolderType, keyType: KeyType): Promise<KmsBehindProxy> {
  const emulator = await AzureEmulator.start()
  emulator.createKey('orders', keyType)
  const token = emulator.token('get', 'unwrapkey', 'encrypt', 'decrypt')
  const proxy = await faultProxy(emulator.url)
  const { host } = new URL(proxy.url)
  return {
    proxy,
    provider: () =>
      azureKms({
        credential: { getToken: () => Promise.resolve({ token }) },
        hosts: { [host]: { type, scope: 'https://vault.azure.net/.default' } },
        requestTimeout: REQUEST_TIMEOUT,
      }),
    cmkId: `${proxy.url}/keys/orders`,
    keepsPublicKey: type === 'vault',
    throttles: error(429, 'Throttled'),
    denies: error(403, 'Forbidden'),
    teardown: () => emulator.close(),
  }
}
