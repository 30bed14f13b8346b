import { GcpKmsEmulator } from '../../emulators/gcp/emulator.js'
import { faultProxy } from '../../support/fault-proxy.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'
import { readingKms, type GcpReading } from './reading/gcp.js'

const CMK = 'projects/acme-prod/locations/europe-west3/keyRings/kafka/cryptoKeys/orders'

describeKmsOnKafka('gcpKms', async () => {
  const emulator = await GcpKmsEmulator.start()
  const key = emulator.createKey(CMK)
  const proxy = await faultProxy(emulator.url)
  const writer = emulator.token('encrypt')
  const options: GcpReading = { endpoint: emulator.url, token: emulator.token('decrypt') }
  return {
    cmkId: CMK,
    proxy,
    sealing: () => readingKms({ endpoint: proxy.url, token: writer }),
    reading: { module: new URL('reading/gcp.ts', import.meta.url).href, options },
    rotate: () => {
      key.rotate()
      return Promise.resolve()
    },
    setEnabled: (enabled) => {
      key.setState(enabled ? 'ENABLED' : 'DISABLED')
      return Promise.resolve()
    },
    teardown: () => emulator.close(),
  }
})
