import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'
import { DEFAULT_SUITE, suiteOf, type Suite } from '../../src/crypto/suites.js'

/** HKDF-SHA-256 from its definition (RFC 5869, section 2), on HMAC alone. */
function hkdf(ikm: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  const hmac = (key: Buffer, ...data: Buffer[]): Buffer =>
    createHmac('sha256', key).update(Buffer.concat(data)).digest()
  const prk = hmac(salt, ikm)
  const blocks: Buffer[] = []
  for (let i = 1; (i - 1) * 32 < length; i++)
    blocks.push(hmac(prk, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.from([i])))
  return Buffer.concat(blocks).subarray(0, length)
}

const ikm = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
const sessionId = Buffer.alloc(16, 0xa5)
const dek = (): Dek => Dek.take(Uint8Array.from(ikm))

describe('derivation', () => {
  it('derivation is compared with an HKDF that passes the first test case of RFC 5869', () => {
    const okm = hkdf(
      Buffer.alloc(22, 0x0b),
      Buffer.from('000102030405060708090a0b0c', 'hex'),
      Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex'),
      42,
    )
    expect(okm.toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
  })

  it('derivation of content key and commitment is HKDF-SHA-256 with the session id as salt and the released info', () => {
    const key = dek().contentKey(DEFAULT_SUITE, sessionId)
    const derived = (info: string): string => hkdf(ikm, sessionId, Buffer.from(info), 32).toString('hex')
    expect(key.keyObject().export().toString('hex')).toBe(derived('kafka-envelope/v1/content/1'))
    expect(key.commitment.toString('hex')).toBe(derived('kafka-envelope/v1/commit/1'))
  })

  it('derivation derives a commitment of 32 bytes for a suite whose keys are shorter', () => {
    const suite: Suite = {
      ...DEFAULT_SUITE,
      number: 7,
      cipher: 'aes-128-gcm',
      keyBytes: 16,
      kdf: { hash: 'sha256', contentInfo: 'content/7', commitmentInfo: 'commit/7' },
    }
    const key = dek().contentKey(suite, sessionId)
    const derived = (info: string, bytes: number): Buffer => hkdf(ikm, sessionId, Buffer.from(info), bytes)
    expect(key.keyObject().export()).toEqual(derived('content/7', 16))
    expect(key.commitment).toEqual(derived('commit/7', 32))
    expect(dek().contentKeyFor(suite, sessionId, key.commitment)).toBeDefined()
    expect(dek().contentKeyFor(DEFAULT_SUITE, sessionId, key.commitment)).toBeUndefined()
  })

  it('derivation gives each session and each DEK its own key', () => {
    const other = Dek.take(new Uint8Array(32))
    const keys = [
      dek().contentKey(DEFAULT_SUITE, sessionId),
      dek().contentKey(DEFAULT_SUITE, Buffer.alloc(16)),
      other.contentKey(DEFAULT_SUITE, sessionId),
    ]
    expect(new Set(keys.map((key) => key.keyObject().export().toString('hex'))).size).toBe(3)
    expect(new Set(keys.map(({ commitment }) => commitment.toString('hex'))).size).toBe(3)
  })

  it('derivation gives a key only if the commitment matches the DEK', () => {
    const { commitment } = dek().contentKey(DEFAULT_SUITE, sessionId)
    expect(dek().contentKeyFor(DEFAULT_SUITE, sessionId, commitment)).toBeDefined()
    for (let i = 0; i < 32; i++) {
      const wrong = Buffer.from(commitment)
      wrong.writeUInt8(wrong.readUInt8(i) ^ 1, i)
      expect(dek().contentKeyFor(DEFAULT_SUITE, sessionId, wrong)).toBeUndefined()
    }
  })
})

describe('the MAC of a DEK', () => {
  it('the MAC of a DEK is HMAC-SHA-256 under a separate key, which is derived with a name and without a salt', () => {
    const key = hkdf(ikm, Buffer.alloc(0), Buffer.from('name'), 32)
    expect(dek().mac('name', sessionId)).toEqual(createHmac('sha256', key).update(sessionId).digest())
  })

  it('the MAC of a DEK verifies only for these bytes, this name and this DEK, at its full length', () => {
    const mac = dek().mac('name', sessionId)
    expect(dek().verifyMac('name', sessionId, mac)).toBe(true)
    expect(dek().verifyMac('other', sessionId, mac)).toBe(false)
    expect(dek().verifyMac('name', ikm, mac)).toBe(false)
    expect(Dek.take(new Uint8Array(32)).verifyMac('name', sessionId, mac)).toBe(false)
    for (const wrong of [Buffer.alloc(0), mac.subarray(0, 31), Buffer.concat([mac, Buffer.alloc(1)])])
      expect(dek().verifyMac('name', sessionId, wrong)).toBe(false)
  })
})

describe('a DEK', () => {
  it('a DEK wipes the bytes that it was made from, even if they are refused', () => {
    const bytes = Uint8Array.from(ikm)
    Dek.take(bytes)
    expect(bytes).toEqual(new Uint8Array(32))
    for (const length of [0, 16, 31, 33]) {
      const wrong = new Uint8Array(length).fill(7)
      expect(() => Dek.take(wrong)).toThrow(new RangeError('a DEK has 32 bytes'))
      expect(wrong).toEqual(new Uint8Array(length))
    }
  })

  it('a DEK does not show its bytes', () => {
    const shown = JSON.stringify([dek(), dek().contentKey(DEFAULT_SUITE, sessionId)])
    expect(shown).not.toContain(ikm.toString('hex'))
    expect(Object.keys(dek())).toEqual([])
  })

  it('a DEK refuses use after it was destroyed, and so does a content key', () => {
    const used = dek()
    const key = used.contentKey(DEFAULT_SUITE, sessionId)
    expect(used.destroyed).toBe(false)
    used.destroy()
    expect(used.destroyed).toBe(true)
    const destroyed = (what: RegExp): Error =>
      expect.objectContaining({
        code: 'KEY_DESTROYED',
        message: expect.stringMatching(what) as string,
      }) as Error
    expect(() => used.contentKey(DEFAULT_SUITE, sessionId)).toThrow(destroyed(/: a DEK .*destroyed/))
    expect(() => used.mac('name', ikm)).toThrow(destroyed(/: a DEK .*destroyed/))
    // Keys that were derived before go on until they are destroyed themselves.
    expect(() => key.keyObject()).not.toThrow()
    key.destroy()
    expect(() => key.keyObject()).toThrow(destroyed(/: a content key .*destroyed/))
  })
})

describe('suites', () => {
  it('released numbers and names of suites are frozen', () => {
    expect(suiteOf(1)).toEqual({
      number: 1,
      cipher: 'aes-256-gcm',
      keyBytes: 32,
      ivBytes: 12,
      tagBytes: 16,
      kdf: {
        hash: 'sha256',
        contentInfo: 'kafka-envelope/v1/content/1',
        commitmentInfo: 'kafka-envelope/v1/commit/1',
      },
    })
    expect(DEFAULT_SUITE).toBe(suiteOf(1))
  })

  it('reserved and unregistered numbers of suites are unknown', () => {
    for (const number of [0, 2, 3, -1, 1.5, NaN, 2 ** 31 - 1, -(2 ** 31)])
      expect(suiteOf(number)).toBeUndefined()
  })
})
