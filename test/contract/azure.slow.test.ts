import { azureKms } from '../../src/kms/azure/index.js'
import { AzureEmulator } from '../emulators/azure/emulator.js'
import type { KeyType } from '../emulators/azure/vault-key.js'
import { describeKmsContract, type KmsUnderTest } from './kms-contract.js'

async function setup(type: KeyType, pins = false): Promise<Omit<KmsUnderTest, 'description'>> {
  const emulator = await AzureEmulator.start()
  const orders = emulator.createKey('orders', type)
  emulator.createKey('other', type)
  const token = emulator.token('get', 'unwrapkey', 'encrypt', 'decrypt')
  const [version] = orders.versions
  const publicKey = String(version?.publicKey?.export({ type: 'spki', format: 'pem' }))
  const cmks = { [`${emulator.url}/keys/orders`]: { version: version?.name ?? '', publicKey } }
  const holder = type === 'RSA' ? 'vault' : 'managed-hsm'
  return {
    kms: azureKms({
      credential: { getToken: () => Promise.resolve({ token }) },
      hosts: { [emulator.host]: { type: holder, scope: 'https://vault.azure.net/.default' } },
      ...(pins ? { cmks } : {}),
      quota: 100_000,
    }),
    cmkId: `${emulator.url}/keys/orders`,
    otherCmkId: `${emulator.url}/keys/other`,
    unknownCmkId: `${emulator.url}/keys/unknown`,
    describesFromConfiguration: true,
    setEnabled: (enabled) => {
      orders.setEnabled(enabled)
      return Promise.resolve()
    },
    rotate: () => {
      orders.rotate()
      return Promise.resolve()
    },
    removeOther: () => {
      emulator.deleteKey('other')
      return Promise.resolve()
    },
    secrets: () => Promise.resolve([Buffer.from(token)]),
    teardown: () => emulator.close(),
  }
}

describeKmsContract(
  'azure, RSA keys in a vault, on our emulator',
  async () => ({
    ...(await setup('RSA')),
    description: { provider: 'azure-key-vault/rsa-oaep-sha256', publicKeyWraps: true },
    ignoresContext: true,
    wrapsOffline: true,
  }),
  { ofPublicKey: true },
)

describeKmsContract(
  'azure, RSA keys in a vault with a pinned public key, on our emulator',
  async () => ({
    ...(await setup('RSA', true)),
    description: { provider: 'azure-key-vault/rsa-oaep-sha256', publicKeyWraps: true },
    ignoresContext: true,
    wrapsOffline: true,
  }),
  { ofPublicKey: true },
)

describeKmsContract('azure, AES keys in a Managed HSM, on our emulator', async () => ({
  ...(await setup('oct-HSM')),
  description: { provider: 'azure-managed-hsm', publicKeyWraps: false },
}))
