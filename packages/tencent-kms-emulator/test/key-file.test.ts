import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startTencentKmsEmulator, type EmulatorOptions, type TencentKmsEmulator } from '../src/index.js'
import { temporaryFolder, type TemporaryFolder } from '../../../test/kms/local/temporary-folder.js'
import { thrownBy } from '../../../test/support/emissions.js'
import { codeOf, present, sdkClient } from './support/sdk-client.js'

let folder: TemporaryFolder
let file: string
const running: TencentKmsEmulator[] = []

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('kms.json')
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((kms) => kms.close()))
  await folder.remove()
})

async function start(options: EmulatorOptions = {}): Promise<TencentKmsEmulator> {
  const kms = await startTencentKmsEmulator({ file, ...options })
  running.push(kms)
  return kms
}

describe('a key file', () => {
  it('a key file keeps everything about a CMK: earlier ciphertexts decrypt, and states and rotation continue', async () => {
    const first = await start()
    const sdk = sdkClient(first)
    const { KeyId: symmetric } = await sdk.CreateKey({
      Alias: 'orders',
      Description: 'd',
      Tags: [{ TagKey: 'env', TagValue: 'prod' }],
    })
    const KeyId = present(symmetric)
    const rsa = first.createKey({ alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' })
    first.setKeyState(first.createKey({ alias: 'leaving', region: 'ap-tokyo' }).keyId, 'PendingDelete')
    const blobs = []
    for (const Plaintext of ['eA==', 'eQ==']) {
      blobs.push(present((await sdk.Encrypt({ KeyId, Plaintext })).CiphertextBlob))
      first.rotateKey(KeyId)
    }
    await sdk.EnableKeyRotation({ KeyId, RotateDays: 30 })
    const before = (await sdk.DescribeKey({ KeyId })).KeyMetadata
    const keys = first.keys()
    await first.close()

    const second = await start()
    expect(second.keys()).toEqual(keys)
    const again = sdkClient(second)
    expect((await again.DescribeKey({ KeyId })).KeyMetadata).toEqual(before)
    const opened = await Promise.all(blobs.map((CiphertextBlob) => again.Decrypt({ CiphertextBlob })))
    expect(opened.map(({ Plaintext }) => Plaintext)).toEqual(['eA==', 'eQ=='])
    expect(second.keys().find(({ keyId }) => keyId === rsa.keyId)?.publicKey).toBe(rsa.publicKey)
  })

  it.skipIf(process.platform === 'win32')(
    'a key file is for its owner alone, and leaves no other file next to it',
    async () => {
      const kms = await start()
      for (const alias of ['a', 'b']) kms.createKey({ alias })
      expect((await stat(file)).mode & 0o777).toBe(0o600)
      expect(await readdir(dirname(file))).toEqual(['kms.json'])
    },
  )

  it('a key file creates the configured keys only once', async () => {
    const keys = [{ alias: 'orders' }, { alias: 'orders', region: 'ap-tokyo' }] as const
    const first = await start({ keys })
    const made = first.keys()
    expect(made).toHaveLength(2)
    await first.close()
    expect((await start({ keys })).keys()).toEqual(made)
  })

  it.each([
    { alias: 'orders', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' },
    { alias: 'orders', keyId: '23e80852-1e38-11e9-b129-5cb9019b4b01' },
  ] as const)('a key file without the key %o is refused', async (key) => {
    await (await start({ keys: [{ alias: 'orders' }] })).close()
    expect(await thrownBy(() => start({ keys: [key] }))).toMatchObject({ code: 'OPTIONS_INVALID' })
  })

  it.skipIf(process.platform === 'win32')('a key file that others may read is refused', async () => {
    await (await start()).close()
    await chmod(file, 0o640)
    expect(await thrownBy(() => start())).toMatchObject({ code: 'KEY_FILE_EXPOSED' })
  })

  it('a key file that is something else is refused, and stays unchanged', async () => {
    await (await start({ keys: [{ alias: 'orders' }] })).close()
    const good = await readFile(file, 'utf8')
    const key = /"materials": \[\s*"([^"]+)"/.exec(good)?.[1] ?? ''
    for (const text of ['', '{}', good.slice(0, -9), good.replace('/1"', '/2"'), good.replace(key, 'AAAA')]) {
      await writeFile(file, text, { mode: 0o600 })
      const error = await thrownBy(() => start())
      expect(error).toMatchObject({ code: 'KEY_FILE_INVALID' })
      expect(String(error)).not.toContain(key.slice(0, 8))
      expect(await readFile(file, 'utf8')).toBe(text)
    }
  })

  it('a key file that cannot be read or written is an error at the start', async () => {
    expect(await thrownBy(() => start({ file: folder.at('no/where.json') }))).toMatchObject({
      code: 'KEY_FILE_UNWRITABLE',
    })
    await mkdir(file, { mode: 0o700 })
    expect(await thrownBy(() => start())).toMatchObject({ code: 'KEY_FILE_UNREADABLE' })
  })

  it('a key file that can no longer be written makes changes fail, and the caller gets InternalError', async () => {
    const kms = await start()
    await folder.remove()
    expect(await codeOf(sdkClient(kms).CreateKey({ Alias: 'orders' }))).toBe('InternalError')
  })
})
