import { gcpKms } from '../../src/kms/gcp/index.js'
import type { ProtectionLevel } from '../emulators/gcp/crypto-key.js'
import { GcpKmsEmulator } from '../emulators/gcp/emulator.js'
import { describeKmsContract } from './kms-contract.js'

const RING = 'projects/acme-prod/locations/europe-west3/keyRings/kafka/cryptoKeys'

for (const level of ['SOFTWARE', 'HSM'] satisfies ProtectionLevel[]) {
  describeKmsContract(`gcp, ${level} keys on our emulator`, async () => {
    const emulator = await GcpKmsEmulator.start()
    const orders = emulator.createKey(`${RING}/orders`, level)
    const other = emulator.createKey(`${RING}/other`, level)
    const token = emulator.token('encrypt', 'decrypt')
    return {
      kms: gcpKms({
        accessToken: () => Promise.resolve(token),
        endpoint: emulator.url,
        quota: 100_000,
      }),
      cmkId: orders.name,
      otherCmkId: other.name,
      unknownCmkId: `${RING}/unknown`,
      description: { provider: 'gcp-kms', publicKeyWraps: false },
      describesFromConfiguration: true,
      setEnabled: (enabled) => {
        orders.setState(enabled ? 'ENABLED' : 'DISABLED')
        return Promise.resolve()
      },
      rotate: () => {
        orders.rotate()
        return Promise.resolve()
      },
      removeOther: () => {
        other.setState('DESTROY_SCHEDULED')
        return Promise.resolve()
      },
      secrets: () => Promise.resolve([...orders.material, ...other.material, Buffer.from(token)]),
      teardown: () => emulator.close(),
    }
  })
}
