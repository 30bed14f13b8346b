import { createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import { createKeyring, localKms, rotateCmk, setCmkEnabled, type CmkType } from '../../src/kms/local/index.js'
import { temporaryFolder } from '../kms/local/temporary-folder.js'
import { describeKmsContract, type KmsUnderTest } from './kms-contract.js'

async function setup(type: CmkType): Promise<Omit<KmsUnderTest, 'description'>> {
  const folder = await temporaryFolder()
  const file = folder.at('test.keyring')
  await createKeyring(file, [
    { id: 'orders', type },
    { id: 'other', type },
  ])
  return {
    kms: localKms({ keyring: file }),
    cmkId: 'orders',
    otherCmkId: 'other',
    unknownCmkId: '__proto__',
    setEnabled: (enabled) => setCmkEnabled(file, 'orders', enabled),
    ...(type === 'aes-256' ? { rotate: () => rotateCmk(file, 'orders') } : {}),
    secrets: async () => secretsIn(await readFile(file, 'utf8')),
    teardown: () => folder.remove(),
  }
}

/** AES keys, and the secret numbers of RSA keys. */
function secretsIn(text: string): Uint8Array[] {
  const { cmks } = JSON.parse(text) as {
    cmks: { versions?: { key: string }[]; privateKey?: string }[]
  }
  return cmks.flatMap(({ versions = [], privateKey }) => {
    const {
      d = '',
      p = '',
      q = '',
    } = privateKey === undefined ? {} : createPrivateKey(privateKey).export({ format: 'jwk' })
    return [
      ...versions.map(({ key }) => Buffer.from(key, 'base64')),
      ...[d, p, q].map((number) => Buffer.from(number, 'base64url')),
    ]
  })
}

describeKmsContract('local, AES-256', async () => ({
  ...(await setup('aes-256')),
  description: { provider: 'local', publicKeyWraps: false },
}))

describeKmsContract('local, RSA', async () => ({
  ...(await setup('rsa-oaep-sha256')),
  description: { provider: 'local/rsa-oaep-sha256', publicKeyWraps: true },
  ignoresContext: true,
}))
