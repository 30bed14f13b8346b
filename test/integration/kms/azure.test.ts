import { AzureEmulator } from '../../emulators/azure/emulator.js'
import { faultProxy } from '../../support/fault-proxy.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'
import { readingKms, type AzureReading } from './reading/azure.js'

for (const [name, keyType, type] of [
  ['azureKms with a vault', 'RSA', 'vault'],
  ['azureKms with a Managed HSM', 'oct-HSM', 'managed-hsm'],
] as const) {
  describeKmsOnKafka(name, async () => {
    const emulator = await AzureEmulator.start()
    const key = emulator.createKey('orders', keyType)
    const proxy = await faultProxy(emulator.url)
    const hosts = { [new URL(proxy.url).host]: { type, scope: 'https://vault.azure.net/.default' } }
    const writer = emulator.token('get', 'encrypt')
    const options: AzureReading = { hosts, token: emulator.token('unwrapkey', 'decrypt') }
    return {
      cmkId: `${proxy.url}/keys/orders`,
      proxy,
      sealing: () => readingKms({ hosts, token: writer }),
      reading: { module: new URL('reading/azure.ts', import.meta.url).href, options },
      publicKeyWraps: type === 'vault',
      rotate: () => {
        key.rotate()
        return Promise.resolve()
      },
      setEnabled: (enabled) => {
        key.setEnabled(enabled)
        return Promise.resolve()
      },
      teardown: () => emulator.close(),
    }
  })
}
