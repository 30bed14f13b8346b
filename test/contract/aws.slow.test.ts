import { describe } from 'vitest'
import { awsKms, type AwsCmkOptions } from '../../src/kms/aws/index.js'
import { arnOf, KEYS, localKmsProgram, startLocalKms, suiteOnLocalKms } from '../support/servers/local-kms.js'
import { describeKmsContract, type KmsUnderTest } from './kms-contract.js'

const CREDENTIALS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' }
const UNKNOWN = arnOf('00000000-0000-4000-8000-000000000000')

const program = await localKmsProgram()

/** The provider over the real SDK and HTTP on a local-kms of its own. */
async function setup(
  [id, otherId]: readonly [string, string],
  stated: (publicKey?: string) => AwsCmkOptions,
): Promise<Omit<KmsUnderTest, 'description'>> {
  const service = await startLocalKms(program ?? '')
  const [cmkId, otherCmkId] = [arnOf(id), arnOf(otherId)]
  return {
    kms: awsKms({
      endpoint: service.url,
      credentials: CREDENTIALS,
      quota: { symmetric: 10_000, rsa: 10_000 },
      cmks: { [cmkId]: stated(service.publicKey), [otherCmkId]: stated(), [UNKNOWN]: stated() },
    }),
    cmkId,
    otherCmkId,
    unknownCmkId: UNKNOWN,
    describesFromConfiguration: true,
    setEnabled: (enabled) => service.administer(enabled ? 'EnableKey' : 'DisableKey', { KeyId: id }),
    removeOther: () => service.administer('ScheduleKeyDeletion', { KeyId: otherId, PendingWindowInDays: 7 }),
    rotate: () => service.rotate(),
    secrets: () => Promise.resolve([Buffer.from(CREDENTIALS.secretAccessKey)]),
    teardown: () => service.close(),
  }
}

describe.skipIf(program === undefined)(suiteOnLocalKms(program), () => {
  const symmetric = [KEYS.orders, KEYS.other] as const

  describeKmsContract('aws, symmetric, DEKs by GenerateDataKey', async () => ({
    ...(await setup(symmetric, () => ({ type: 'symmetric' }))),
    description: { provider: 'aws-kms', publicKeyWraps: false },
    rewraps: 'to other CMKs',
  }))

  describeKmsContract('aws, symmetric, DEKs by Encrypt', async () => ({
    ...(await setup(symmetric, () => ({ type: 'symmetric', dek: 'encrypt' }))),
    description: { provider: 'aws-kms', publicKeyWraps: false },
    rewraps: 'to other CMKs',
  }))

  const rsa = [KEYS.rsa, KEYS.otherRsa] as const
  const RSA = {
    description: { provider: 'aws-kms/rsa-oaep-sha256', publicKeyWraps: true },
    ignoresContext: true,
    wrapsOffline: true,
  } as const

  describeKmsContract(
    'aws, RSA',
    async () => ({ ...(await setup(rsa, () => ({ type: 'rsa-2048' }))), ...RSA }),
    { rotates: false, ofPublicKey: true },
  )

  describeKmsContract(
    'aws, RSA with a pinned public key',
    async () => ({
      ...(await setup(rsa, (publicKey) => ({
        type: 'rsa-2048',
        ...(publicKey === undefined ? {} : { publicKey }),
      }))),
      ...RSA,
    }),
    { rotates: false, ofPublicKey: true },
  )
})
