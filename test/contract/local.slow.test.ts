import { createPrivateKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

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
    removeOther: () => removeCmk(file, 'other'),
    secrets: async () => secretsIn(await readFile(file, 'utf8')),
    teardown: () => folder.remove(),
  }
}

/** There is no command for this: it acts as an administrator with an editor. */
async function removeCmk(file: string, id: string): Promise<void> {
  const keyring = JSON.parse(await readFile(file, 'utf8')) as { cmks: { id: string }[] }
  const cmks = keyring.cmks.filter((cmk) => cmk.id !== id)
  await writeFile(file, JSON.stringify({ ...keyring, cmks }), { mode: 0o600 })
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

describeKmsContract(
  'local, RSA',
  async () => ({
    ...(await setup('rsa-oaep-sha256')),
    description: { provider: 'local/rsa-oaep-sha256', publicKeyWraps: true },
    ignoresContext: true,
  }),
  { rotates: false, ofPublicKey: true },
)
