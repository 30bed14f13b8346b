import { createDecipheriv, webcrypto } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ContentKey } from '../../src/crypto/content-key.js'
import { Dek } from '../../src/crypto/dek.js'
import { nodeEngine } from '../../src/crypto/engine.js'
import { DEFAULT_SUITE, type Suite } from '../../src/crypto/suites.js'
import { CANARY } from '../support/emissions.js'
import { openAlike, sealOne } from '../support/engine.js'

const key = Dek.take(new Uint8Array(32).fill(3)).contentKey(DEFAULT_SUITE, Buffer.alloc(16, 1))
const HEAD = 5
const BODY_AT = HEAD + 12 + 16 + 1

const AAD = Buffer.from('aad')
const PLACES = { aad: AAD, ivAt: HEAD, tagAt: HEAD + 12, bodyAt: BODY_AT }

/** Seals bodies side by side in one buffer, and returns the part of each. */
function seal(firstCounter: number, plaintexts: readonly (Buffer | string)[]): Buffer[] {
  const lengths = plaintexts.map((text) => BODY_AT + Buffer.byteLength(text))
  const target = Buffer.alloc(
    lengths.reduce((sum, length) => sum + length, 0),
    0xee,
  )
  const sealed: Buffer[] = []
  const places: number[] = []
  let at = 0
  for (const length of lengths) {
    places.push(at + HEAD, at + HEAD + 12, at + BODY_AT, at + length, 0, AAD.length)
    sealed.push(target.subarray(at, (at += length)))
  }
  nodeEngine.sealMany(key, firstCounter, { plaintexts, target, aads: AAD, places: Uint32Array.from(places) })
  return sealed
}

function open(sources: readonly Buffer[], more: Partial<typeof PLACES> = {}): (Buffer | undefined)[] {
  return openAlike(nodeEngine, key, sources, { ...PLACES, ...more })
}

async function imported(contentKey: ContentKey): Promise<webcrypto.CryptoKey> {
  const bytes = contentKey.keyObject().export()
  return webcrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['decrypt'])
}

describe('IVs', () => {
  it('IVs are four zero bytes and the counter, big-endian', () => {
    for (const [counter, hex] of [
      [0, '0000000000000000'],
      [1, '0000000000000001'],
      [255, '00000000000000ff'],
      [256, '0000000000000100'],
      [2 ** 31, '0000000080000000'],
      [2 ** 32 - 1, '00000000ffffffff'],
      [2 ** 32, '0000000100000000'],
      [2 ** 53 - 1, '001fffffffffffff'],
    ] as const) {
      const [target] = seal(counter, [CANARY])
      expect(target?.toString('hex', HEAD, HEAD + 12)).toBe(`00000000${hex}`)
    }
  })

  it('IVs of a batch count up from the first, also across 32 bits', () => {
    const ivs = seal(2 ** 32 - 2, [CANARY, '', CANARY, CANARY]).map((t) => t.readBigUInt64BE(HEAD + 4))
    expect(ivs).toEqual([0xfffffffen, 0xffffffffn, 0x100000000n, 0x100000001n])
  })
})

describe('sealing', () => {
  it('sealing is AES-256-GCM as in WebCrypto, and writes nothing outside its fields', async () => {
    const [target] = seal(7, [CANARY]) as [Buffer]
    const opened = await webcrypto.subtle.decrypt(
      { name: 'AES-GCM', iv: target.subarray(HEAD, HEAD + 12), additionalData: Buffer.from('aad') },
      await imported(key),
      Buffer.concat([target.subarray(BODY_AT), target.subarray(HEAD + 12, HEAD + 28)]),
    )
    expect(Buffer.from(opened).toString()).toBe(CANARY)
    expect(target.subarray(0, HEAD)).toEqual(Buffer.alloc(HEAD, 0xee))
    expect(target[BODY_AT - 1]).toBe(0xee)
    expect(target.length).toBe(BODY_AT + CANARY.length)
  })

  it('sealing a string gives the same bytes as sealing its UTF-8, even with lone surrogates', () => {
    for (const text of ['', CANARY, 'é漢🦄', '\ud800', 'a\udc00b', '\ufeffx', '\0']) {
      expect(seal(1, [text])).toEqual(seal(1, [Buffer.from(text)]))
    }
  })

  it('sealing does not change the plaintext it was given', () => {
    const plaintext = Buffer.from(CANARY)
    seal(1, [plaintext])
    expect(plaintext.toString()).toBe(CANARY)
  })
})

describe('opening', () => {
  it('opening inverts sealing, each job on its own', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.nat(2 ** 31),
        (bodies, n) => {
          const plaintexts = bodies.map((bytes) => Buffer.from(bytes))
          expect(open(seal(n, plaintexts))).toEqual(plaintexts)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('opening returns undefined for every change of IV, tag, body or AAD, and still opens the others of a batch', () => {
    const [sealed, other] = seal(0, [CANARY, 'another']) as [Buffer, Buffer]
    for (let at = HEAD; at < sealed.length; at++) {
      if (at === BODY_AT - 1) continue
      for (let bit = 1; bit < 256; bit *= 2) {
        const changed = Buffer.from(sealed)
        changed.writeUInt8(changed.readUInt8(at) ^ bit, at)
        const [first, bad, last] = open([sealed, changed, other])
        expect([first?.toString(), bad, last?.toString()]).toEqual([CANARY, undefined, 'another'])
      }
    }
    for (const aad of [Buffer.alloc(0), Buffer.from('aae'), Buffer.from('aad\0')])
      expect(open([sealed], { aad })).toEqual([undefined])
    expect(open([sealed.subarray(0, -1)])).toEqual([undefined])
    expect(open([Buffer.concat([sealed, Buffer.alloc(1)])])).toEqual([undefined])
  })

  it('opening never accepts a part of a tag', () => {
    const [sealed] = seal(0, ['']) as [Buffer]
    for (let length = 0; length < 16; length++) {
      const cut = sealed.subarray(0, HEAD + 12 + length)
      expect(() => open([cut])).toThrow(/authentication tag/)
    }
  })

  it('opening returns a copy, so later changes of the sealed bytes do not affect it', () => {
    const [sealed] = seal(0, [CANARY]) as [Buffer]
    const [opened] = open([sealed])
    sealed.fill(0)
    expect(opened?.toString()).toBe(CANARY)
  })

  it('opening and sealing refuse a destroyed key', () => {
    const gone = Dek.take(new Uint8Array(32)).contentKey(DEFAULT_SUITE, Buffer.alloc(16))
    gone.destroy()
    expect(() => openAlike(nodeEngine, gone, [Buffer.alloc(60)], PLACES)).toThrow(/KEY_DESTROYED/)
    expect(() => {
      nodeEngine.sealMany(gone, 0, { plaintexts: [], target: AAD, aads: AAD, places: new Uint32Array() })
    }).toThrow(/KEY_DESTROYED/)
  })
})

it('the engine takes cipher and lengths of key, IV and tag from the suite of the key', () => {
  const suite: Suite = { ...DEFAULT_SUITE, cipher: 'aes-128-gcm', keyBytes: 16, ivBytes: 16, tagBytes: 13 }
  const short = Dek.take(new Uint8Array(32).fill(3)).contentKey(suite, Buffer.alloc(16, 1))
  const [tagAt, bodyAt] = [16, 29]
  const aad = Buffer.from('aad')
  const target = Buffer.alloc(bodyAt + CANARY.length)
  sealOne(nodeEngine, short, 2 ** 32 + 5, { plaintext: CANARY, aad, target, ivAt: 0, tagAt, bodyAt })
  expect(target.toString('hex', 0, 16)).toBe('00000000000000000000000100000005')
  const decipher = createDecipheriv('aes-128-gcm', short.keyObject(), target.subarray(0, 16), {
    authTagLength: 13,
  })
  decipher.setAAD(aad).setAuthTag(target.subarray(tagAt, bodyAt))
  expect(decipher.update(target.subarray(bodyAt), undefined, 'utf8') + decipher.final('utf8')).toBe(CANARY)
  const [opened] = openAlike(nodeEngine, short, [target], { aad, ivAt: 0, tagAt, bodyAt })
  expect(opened?.toString()).toBe(CANARY)
})
