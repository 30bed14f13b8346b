import { tencentKms, type TencentCmkOptions } from '../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type CmkUsage,
  type EmulatorKey,
} from '../../packages/tencent-kms-emulator/src/index.js'
import { describeKmsContract, type KmsUnderTest } from './kms-contract.js'

const REGION = 'ap-guangzhou'
const UNKNOWN = `${REGION}/00000000-0000-4000-8000-000000000000`

/**
 * The provider over the real SDK and HTTP on an emulator of its own.
 *
 * @param stated what the configuration says of a CMK; without a public key, of one that does not exist
 */
async function setup(
  usage: CmkUsage,
  stated: (publicKey?: string) => TencentCmkOptions,
): Promise<Omit<KmsUnderTest, 'description'>> {
  const emulator = await startTencentKmsEmulator({
    quotas: { '*': Infinity },
    keys: [
      { alias: 'orders', usage },
      { alias: 'other', usage },
    ],
  })
  const [orders, other] = emulator.keys() as [EmulatorKey, EmulatorKey]
  const id = ({ keyId }: EmulatorKey): string => `${REGION}/${keyId}`
  return {
    kms: tencentKms({
      endpoint: emulator.url,
      credentials: EMULATOR_CREDENTIAL,
      quota: { symmetric: 10_000, rsa: 10_000 },
      cmks: {
        [id(orders)]: stated(orders.publicKey),
        [id(other)]: stated(other.publicKey),
        [UNKNOWN]: stated(),
      },
    }),
    cmkId: id(orders),
    otherCmkId: id(other),
    unknownCmkId: UNKNOWN,
    describesFromConfiguration: true,
    setEnabled: (enabled) => {
      emulator.setKeyState(orders.keyId, enabled ? 'Enabled' : 'Disabled')
      return Promise.resolve()
    },
    removeOther: () => {
      emulator.setKeyState(other.keyId, 'PendingDelete')
      return Promise.resolve()
    },
    ...(usage === 'ENCRYPT_DECRYPT'
      ? {
          rotate: () => {
            emulator.rotateKey(orders.keyId)
            return Promise.resolve()
          },
        }
      : {}),
    secrets: () => Promise.resolve([Buffer.from(EMULATOR_CREDENTIAL.secretKey)]),
    teardown: () => emulator.close(),
  }
}

describeKmsContract('tencent, symmetric, DEKs by GenerateDataKey', async () => ({
  ...(await setup('ENCRYPT_DECRYPT', () => ({ type: 'symmetric' }))),
  description: { provider: 'tencent-kms', publicKeyWraps: false },
  rewraps: 'to other CMKs',
}))

describeKmsContract('tencent, symmetric, DEKs by Encrypt', async () => ({
  ...(await setup('ENCRYPT_DECRYPT', () => ({ type: 'symmetric', dek: 'encrypt' }))),
  description: { provider: 'tencent-kms', publicKeyWraps: false },
  rewraps: 'to other CMKs',
}))

const RSA = {
  description: { provider: 'tencent-kms/rsa-oaep-sha256', publicKeyWraps: true },
  ignoresContext: true,
  wrapsOffline: true,
  // For asymmetric CMKs the vendor documents only CmkStateNotSupport, whatever the state.
  disabledAs: 'CMK_UNUSABLE',
} as const

describeKmsContract(
  'tencent, RSA',
  async () => ({ ...(await setup('ASYMMETRIC_DECRYPT_RSA_2048', () => ({ type: 'rsa-2048' }))), ...RSA }),
  { rotates: false, ofPublicKey: true },
)

describeKmsContract(
  'tencent, RSA with a pinned public key',
  async () => ({
    ...(await setup('ASYMMETRIC_DECRYPT_RSA_2048', (publicKey) => ({
      type: 'rsa-2048',
      ...(publicKey === undefined ? {} : { publicKey }),
    }))),
    ...RSA,
  }),
  { rotates: false, ofPublicKey: true },
)
