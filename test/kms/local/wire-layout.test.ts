/**
 * Both wire layouts, written a second time from the specification, with node:crypto alone. What one side makes the
 * other must read; a change in either is a change of the format.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createKeyring, exportPublicKey, localKms, rotateCmk } from '../../../src/kms/local/index.js'
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js'

const { signal } = new AbortController()
const dek = Buffer.from(Array.from({ length: 32 }, (_, at) => at * 7))
let folder: TemporaryFolder
let file: string

beforeEach(async () => {
  folder = await temporaryFolder()
  file = folder.at('wire.keyring')
})
afterEach(() => folder.remove())

interface FileContents {
  cmks: { id: string; versions: { version: number; key: string }[]; privateKey: string }[]
}

async function cmkInFile(): Promise<FileContents['cmks'][0]> {
  const [cmk] = (JSON.parse(await readFile(file, 'utf8')) as FileContents).cmks
  if (cmk === undefined) throw new Error('no CMK')
  return cmk
}

describe('provider local', () => {
  const cmkId = 'team/orders:1'
  const context = { b: '2', '10': 'x/y', '9': 'z', B: '1', 'a.b': '@' }
  // Byte order: digits, then capitals, then small letters.
  const aad = Buffer.concat([
    Buffer.from('kafka-envelope/local/v1'),
    Buffer.from([0, 0, 0, 13]),
    Buffer.from('team/orders:1'),
    Buffer.from('{"10":"x/y","9":"z","B":"1","a.b":"@","b":"2"}'),
  ])
  const aadOfEmptyContext = aad.subarray(0, 23 + 4 + 13)

  beforeEach(() => createKeyring(file, [{ id: cmkId, type: 'aes-256' }]))

  it.each([
    ['a context', context, aad],
    ['an empty context as zero bytes', {}, aadOfEmptyContext],
  ])('a wrapping of this provider opens by the specification, with %s', async (_, context, aad) => {
    await rotateCmk(file, cmkId)
    const wrapped = Buffer.from(await localKms({ keyring: file }).wrapDek({ cmkId, context, signal, dek }))
    expect(wrapped).toHaveLength(64)
    expect(wrapped.subarray(0, 4).toString('hex')).toBe('00000002')
    const key = Buffer.from((await cmkInFile()).versions[1]?.key ?? '', 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(4, 16))
    decipher.setAAD(aad).setAuthTag(wrapped.subarray(48))
    const plain = Buffer.concat([decipher.update(wrapped.subarray(16, 48)), decipher.final()])
    expect(plain.equals(dek)).toBe(true)
  })

  it.each([
    ['a context', context, aad],
    ['an empty context as zero bytes', {}, aadOfEmptyContext],
  ])('provider local opens a wrapping made by the specification, with %s', async (_, context, aad) => {
    const key = Buffer.from((await cmkInFile()).versions[0]?.key ?? '', 'base64')
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    cipher.setAAD(aad)
    const body = Buffer.concat([cipher.update(dek), cipher.final()])
    const ciphertextDek = Buffer.concat([Buffer.from([0, 0, 0, 1]), iv, body, cipher.getAuthTag()])
    const opened = await localKms({ keyring: file }).unwrapDek({ cmkId, context, signal, ciphertextDek })
    expect(Buffer.from(opened).equals(dek)).toBe(true)
  })

  it('version 0 of a CMK is invalid', async () => {
    const kms = localKms({ keyring: file })
    const ciphertextDek = Buffer.from(await kms.wrapDek({ cmkId, context, signal, dek }))
    ciphertextDek.writeUInt32BE(0)
    await expectInvalidWithoutHint(kms.unwrapDek({ cmkId, context, signal, ciphertextDek }))
  })

  it.each([2, 0x01000000, 0xffffffff])(
    'version %i of a CMK that this keyring does not have is unreadable, so never skipped: another keyring may have it',
    async (version) => {
      const kms = localKms({ keyring: file })
      const ciphertextDek = Buffer.from(await kms.wrapDek({ cmkId, context, signal, dek }))
      ciphertextDek.writeUInt32BE(version)
      const error: unknown = await kms
        .unwrapDek({ cmkId, context, signal, ciphertextDek })
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'CMK_NOT_FOUND', kind: 'unreadable' })
    },
  )

  it('a ciphertext DEK of another CMK with the same key does not open', async () => {
    const ciphertextDek = await localKms({ keyring: file }).wrapDek({ cmkId, context, signal, dek })
    await writeFile(file, (await readFile(file, 'utf8')).replace(cmkId, 'team/orders:2'))
    await expect(
      localKms({ keyring: file }).unwrapDek({ cmkId: 'team/orders:2', context, signal, ciphertextDek }),
    ).rejects.toMatchObject({ code: 'CIPHERTEXT_DEK_INVALID' })
  })
})

describe('provider local/rsa-oaep-sha256', () => {
  const cmkId = 'partner'
  const bytes = 256

  beforeEach(() => createKeyring(file, [{ id: cmkId, type: 'rsa-oaep-sha256', modulusLength: 2048 }]))

  it('a wrapping of provider local/rsa-oaep-sha256 opens by RFC 8017, 7.1.2', async () => {
    const kms = localKms({ keyring: file })
    const wrapped = await kms.wrapDek({ cmkId, context: { a: 'b' }, signal, dek })
    expect(wrapped).toHaveLength(bytes)
    const padding = constants.RSA_NO_PADDING
    const encoded = privateDecrypt({ key: (await cmkInFile()).privateKey, padding }, wrapped)
    expect(oaepDecode(encoded).equals(dek)).toBe(true)
  })

  const wrapRaw = async (encoded: Uint8Array): Promise<Buffer> =>
    publicEncrypt({ key: await exportPublicKey(file, cmkId), padding: constants.RSA_NO_PADDING }, encoded)

  it('provider local/rsa-oaep-sha256 opens a wrapping made by RFC 8017, 7.1.1', async () => {
    const ciphertextDek = await wrapRaw(oaepEncode(dek, 'sha256', 'sha256'))
    const kms = localKms({ keyring: file })
    const opened = await kms.unwrapDek({ cmkId, context: {}, signal, ciphertextDek })
    expect(Buffer.from(opened).equals(dek)).toBe(true)
  })

  it.each([
    ['SHA-1 as the hash', () => oaepEncode(dek, 'sha1', 'sha256')],
    ['SHA-1 in MGF1', () => oaepEncode(dek, 'sha256', 'sha1')],
    ['a label', () => oaepEncode(dek, 'sha256', 'sha256', 'label')],
    ['31 bytes', () => oaepEncode(dek.subarray(1), 'sha256', 'sha256')],
    ['33 bytes', () => oaepEncode(Buffer.concat([dek, dek.subarray(31)]), 'sha256', 'sha256')],
    ['no bytes', () => oaepEncode(Buffer.alloc(0), 'sha256', 'sha256')],
    ['PKCS #1 v1.5', () => Buffer.concat([Buffer.of(0, 2), Buffer.alloc(221, 0x55), Buffer.of(0), dek])],
  ])('provider local/rsa-oaep-sha256 does not open %s', async (_, encode) => {
    const encoded = encode()
    expect(encoded).toHaveLength(bytes)
    const kms = localKms({ keyring: file })
    const ciphertextDek = await wrapRaw(encoded)
    await expectInvalidWithoutHint(kms.unwrapDek({ cmkId, context: {}, signal, ciphertextDek }))
  })

  function oaepEncode(message: Buffer, hash: string, mgfHash: string, label = ''): Buffer {
    const labelHash = createHash(hash).update(label).digest()
    const size = labelHash.length
    const zeros = Buffer.alloc(bytes - message.length - 2 * size - 2)
    const block = Buffer.concat([labelHash, zeros, Buffer.of(1), message])
    const seed = randomBytes(size)
    const maskedBlock = xor(block, mgf1(seed, block.length, mgfHash))
    return Buffer.concat([Buffer.of(0), xor(seed, mgf1(maskedBlock, size, mgfHash)), maskedBlock])
  }

  function oaepDecode(encoded: Buffer): Buffer {
    expect(encoded[0]).toBe(0)
    const maskedBlock = encoded.subarray(33)
    const seed = xor(encoded.subarray(1, 33), mgf1(maskedBlock, 32, 'sha256'))
    const block = xor(maskedBlock, mgf1(seed, maskedBlock.length, 'sha256'))
    expect(block.subarray(0, 32).equals(createHash('sha256').digest())).toBe(true)
    const one = block.indexOf(1, 32)
    expect(block.subarray(32, one).every((byte) => byte === 0)).toBe(true)
    return block.subarray(one + 1)
  }
})

async function expectInvalidWithoutHint(unwrapped: Promise<unknown>): Promise<void> {
  const error: unknown = await unwrapped.catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'CIPHERTEXT_DEK_INVALID' })
  expect(error).not.toHaveProperty('cause')
}

/** RFC 8017, B.2.1 */
function mgf1(seed: Buffer, length: number, hash: string): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 0; Buffer.concat(blocks).length < length; counter++) {
    const suffix = Buffer.from([0, 0, 0, counter])
    blocks.push(createHash(hash).update(seed).update(suffix).digest())
  }
  return Buffer.concat(blocks).subarray(0, length)
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)))
}
