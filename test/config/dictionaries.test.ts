import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config-file/index.js'
import { decodePreamble } from '../../src/envelope/formats.js'
import {
  createEncryption,
  type Dictionary,
  type Encryption,
  type EnvelopeError,
  type TopicRule,
} from '../../src/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import { CANARY } from '../support/emissions.js'
import { memoryEncryption } from '../support/encryption.js'
import { MemoryKms } from '../support/memory-kms.js'

const BYTES = Buffer.from(`{"order":17,"status":"paid","note":"${CANARY}"}`)
const VALUE = `{"order":18,"status":"paid","note":"${CANARY}"}`
const rule = {
  match: ['t'],
  encrypt: { cmk: 'main', compression: { dictionary: 'orders' } },
  decrypt: { cmk: 'main' },
} as const satisfies TopicRule<'main', 'orders'>

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dictionaries-'))
  await writeFile(join(folder, 'orders.dict'), BYTES)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The mistakes of a call that is refused, as `path: message`. */
async function mistakesOf(call: Promise<unknown>): Promise<string[]> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as EnvelopeError,
  )
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  return (error?.issues ?? []).map(({ path, message }) => `${path}: ${message}`)
}

const owner = (dictionaries: Record<string, Dictionary>, kms = new MemoryKms()) =>
  memoryEncryption([rule], { kms, dictionaries })

async function seal(encryption: Encryption, value = VALUE): Promise<Buffer> {
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value }])
  return sealed?.value as Buffer
}

describe('dictionaries', () => {
  it('a dictionary may be a file, base64 or bytes, and is the same dictionary', async () => {
    const names = new Set<string>()
    for (const given of [
      { file: join(folder, 'orders.dict') },
      { base64: BYTES.toString('base64') },
      BYTES,
      Uint8Array.from(BYTES),
    ]) {
      const { encryption } = await owner({ orders: given })
      const value = await seal(encryption)
      const { header } = decodePreamble(value)
      expect(header.compression).toBe(3)
      names.add(header.dictionary.toString('hex'))
      const [opened] = await openRecords(encryption, [{ topic: 't', value }])
      expect(opened?.value?.toString()).toBe(VALUE)
      const sha256 = createHash('sha256').update(BYTES).digest('hex')
      expect(opened).toMatchObject({ envelope: { compression: 'deflate-dictionary', dictionary: sha256 } })
    }
    expect([...names]).toEqual([createHash('sha256').update(BYTES).digest('hex')])
  })

  it('a dictionary makes a small value smaller, which gzip hardly does', async () => {
    const bodyBytes = async (compression: 'none' | 'gzip' | { dictionary: string }): Promise<number> => {
      const topics = [{ ...rule, encrypt: { cmk: 'main', compression } }]
      const { encryption } = await memoryEncryption(topics, { dictionaries: { orders: BYTES } })
      const value = await seal(encryption)
      return value.length - decodePreamble(value).bytes.length
    }
    expect(await bodyBytes({ dictionary: 'orders' })).toBeLessThan((await bodyBytes('none')) - 20)
    expect(await bodyBytes('gzip')).toBeGreaterThan(gzipSync(VALUE).length)
  })

  it('every dictionary of an owner serves every reader: old ones are kept for reading', async () => {
    const kms = new MemoryKms()
    const { encryption: before } = await owner({ orders: BYTES }, kms)
    const sealed = await seal(before)
    const { encryption: after } = await owner({ old: BYTES, orders: Buffer.from('another') }, kms)
    for (const value of [sealed, await seal(after)])
      expect((await openRecords(after, [{ topic: 't', value }]))[0]?.value?.toString()).toBe(VALUE)
  })

  it('a reader without the dictionary says so, and asks no KMS', async () => {
    const kms = new MemoryKms()
    const value = await seal((await owner({ orders: BYTES }, kms)).encryption)
    const calls = kms.calls.length
    const { encryption } = await memoryEncryption([{ match: ['t'], decrypt: { cmk: 'main' } }], { kms })
    const asked = kms.calls.length - calls
    const [opened] = await openRecords(encryption, [{ topic: 't', value }])
    expect(opened?.error).toMatchObject({ code: 'DICTIONARY_UNKNOWN', kind: 'unreadable' })
    expect(kms.calls.length - calls).toBe(asked)
  })

  it('bytes are copied: their owner may use the memory for something else', async () => {
    const given = Buffer.from(BYTES)
    const pending = owner({ orders: given })
    given.fill(0)
    const { header } = decodePreamble(await seal((await pending).encryption))
    expect(header.dictionary).toEqual(createHash('sha256').update(BYTES).digest())
  })

  it('a dictionary that is refused is named with the reason', async () => {
    const refused = async (given: unknown): Promise<string> =>
      (await mistakesOf(owner({ orders: given as Dictionary }))).join('; ')
    expect(await refused({ base64: 'YW Jj' })).toBe(
      'dictionaries.orders.base64: expected 1 to 32768 bytes in base64, padded and without white space; got "YW Jj"',
    )
    for (const length of [0, 32_769]) {
      expect(await refused(Buffer.alloc(length))).toBe(
        `dictionaries.orders: expected {file} or {base64}, or a Uint8Array, of 1 to 32768 bytes; got a Uint8Array of ${String(length)} bytes`,
      )
    }
  })

  it('dictionaries of 1 and of 32,768 bytes work', async () => {
    for (const length of [1, 32_768]) {
      const { encryption } = await owner({ orders: Buffer.alloc(length, VALUE) })
      const value = await seal(encryption)
      expect((await openRecords(encryption, [{ topic: 't', value }]))[0]?.value?.toString()).toBe(VALUE)
    }
  })
})

describe('a file that holds no dictionary', () => {
  const WRONG = {
    empty: /^dictionaries\.orders\.file: expected a file of 1 to 32768 bytes, got an empty one/,
    large: /^dictionaries\.orders\.file: expected a file of 1 to 32768 bytes, got a larger one/,
    folder: /^dictionaries\.orders\.file: is a folder/,
    absent: /^dictionaries\.orders\.file: file not found/,
  }
  beforeAll(async () => {
    await writeFile(join(folder, 'empty'), '')
    await writeFile(join(folder, 'large'), Buffer.alloc(32_769))
    await mkdir(join(folder, 'folder'))
  })

  it('a file that holds no dictionary is a mistake in the configuration, in code', async () => {
    for (const [file, mistake] of Object.entries(WRONG)) {
      const kms = new MemoryKms()
      const call = createEncryption({
        kms: { memory: kms.client() },
        cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
        topics: [rule],
        dictionaries: { orders: { file: join(folder, file) } },
      })
      expect(await mistakesOf(call)).toEqual([expect.stringMatching(mistake)])
    }
  })

  it('a file that holds no dictionary is a mistake at a place in the configuration file', async () => {
    const file = join(folder, 'kafka-envelope.yaml')
    for (const [name, mistake] of Object.entries(WRONG)) {
      await writeFile(
        file,
        `version: 1
cmks: { main: [{ kms: memory, id: cmk }] }
dictionaries: { orders: { file: ${name} } }
topics: [{ match: [t], encrypt: { cmk: main, compression: { dictionary: orders } } }]
`,
      )
      const call = loadConfig(file, { kms: { memory: new MemoryKms().client() } })
      expect(await mistakesOf(call)).toEqual([expect.stringMatching(mistake)])
      await expect(call).rejects.toMatchObject({ issues: [{ line: 3, column: 27 }] })
    }
  })
})

it('a path in a configuration file is relative to the folder of that file', async () => {
  const file = join(folder, 'relative.yaml')
  await writeFile(
    file,
    `version: 1
cmks: { main: [{ kms: memory, id: cmk }] }
dictionaries: { orders: { file: ./orders.dict }, old: { base64: YWJj } }
topics: [{ match: [t], encrypt: { cmk: main, compression: { dictionary: orders } } }]
`,
  )
  await chmod(file, 0o600)
  const config = await loadConfig(file, { kms: { memory: new MemoryKms().client() } })
  expect(config.dictionaries).toEqual({ orders: BYTES, old: Buffer.from('abc') })
  const encryption = await createEncryption(config)
  expect(decodePreamble(await seal(encryption)).header.compression).toBe(3)
  await encryption.close()
})
