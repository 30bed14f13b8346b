import { expect, it, vi } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'
import { nodeEngine } from '../../src/crypto/engine.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import { CANARY } from '../support/emissions.js'
import { openAlike, sealOne } from '../support/engine.js'

/** Buffers that `node:crypto` returned, which only `crypto/` sees. */
const handed = vi.hoisted(() => ({ derived: [] as ArrayBuffer[], deciphered: [] as Buffer[] }))

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  return {
    ...crypto,
    hkdfSync: (...args: Parameters<typeof crypto.hkdfSync>) => {
      const bytes = crypto.hkdfSync(...args)
      handed.derived.push(bytes)
      return bytes
    },
    createDecipheriv: (...args: Parameters<typeof crypto.createDecipheriv>) => {
      const decipher = crypto.createDecipheriv(...args)
      const update = decipher.update.bind(decipher)
      decipher.update = ((data: Buffer) => {
        const plaintext = update(data)
        handed.deciphered.push(plaintext)
        return plaintext
      }) as typeof decipher.update
      return decipher
    },
  }
})

const key = Dek.take(new Uint8Array(32).fill(3)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))

it('the bytes of a content key are wiped once they were imported; the commitment is not', () => {
  const [content, commitment] = handed.derived.map((bytes) => Buffer.from(bytes))
  expect(content).toEqual(Buffer.alloc(32))
  expect(commitment).toEqual(key.commitment)
  expect(commitment).not.toEqual(Buffer.alloc(32))
})

it('bytes that were deciphered but are not authentic are wiped', () => {
  const aad = Buffer.alloc(0)
  const source = Buffer.alloc(28 + CANARY.length)
  const at = { ivAt: 0, tagAt: 12, bodyAt: 28 }
  sealOne(nodeEngine, key, 0, { plaintext: CANARY, aad, target: source, ...at })
  source.writeUInt8(source.readUInt8(12) ^ 1, 12)
  expect(openAlike(nodeEngine, key, [source], { aad, ...at })).toEqual([undefined])
  expect(handed.deciphered).toEqual([Buffer.alloc(CANARY.length)])
})
