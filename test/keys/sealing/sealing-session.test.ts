import { expect, it } from 'vitest'
import { Dek } from '../../../src/crypto/dek.js'
import { DEFAULT_SUITE, type Suite } from '../../../src/crypto/suites.js'
import { SealingSession } from '../../../src/keys/sealing/sealing-session.js'

const destroyedKey = expect.objectContaining({ code: 'KEY_DESTROYED' }) as Error

function session(suite: Suite = DEFAULT_SUITE) {
  const destroyed = { times: 0 }
  const dek = Dek.take(new Uint8Array(32).fill(7))
  const made = new SealingSession({ dek, wrappings: [], missing: [] }, suite, () => destroyed.times++)
  return { made, dek, destroyed }
}

it('a session has its own random id, and keeps only the derived key of its DEK', () => {
  const [one, other] = [session(), session()]
  expect(one.made.id).toHaveLength(16)
  expect(one.made.id).not.toEqual(other.made.id)
  expect(one.dek.destroyed).toBe(true)
  const expected = Dek.take(new Uint8Array(32).fill(7)).contentKey(DEFAULT_SUITE, one.made.id)
  expect(one.made.commitment).toEqual(expected.commitment)
  expect(one.made.suite).toBe(DEFAULT_SUITE.number)
})

it('a session seals with the suite that it is given', () => {
  const { made } = session({ ...DEFAULT_SUITE, number: 7, cipher: 'aes-128-gcm', keyBytes: 16 })
  expect(made.suite).toBe(7)
  const { key } = made.reserve(1)
  expect(key.keyObject().symmetricKeySize).toBe(16)
  expect(made.commitment).toHaveLength(32)
})

it('counter values are granted once, in order', () => {
  const { made } = session()
  const grants = [3, 1, 5].map((count) => made.reserve(count))
  expect(grants.map(({ firstCounter, count }) => [firstCounter, count])).toEqual([
    [0, 3],
    [3, 1],
    [4, 5],
  ])
})

it('the key of a retired session lives until its grants are released, and is destroyed once', () => {
  const { made, destroyed } = session()
  const grants = [made.reserve(1), made.reserve(1)]
  made.retire()
  grants[0]?.release()
  expect(destroyed.times).toBe(0)
  expect(() => grants[1]?.key.keyObject()).not.toThrow()
  grants[1]?.release()
  expect(destroyed.times).toBe(1)
  expect(() => grants[1]?.key.keyObject()).toThrow(destroyedKey)
})

it('a session without grants in flight keeps its key until it is retired', () => {
  const { made, destroyed } = session()
  const grant = made.reserve(1)
  grant.release()
  expect(destroyed.times).toBe(0)
  made.retire()
  expect(destroyed.times).toBe(1)
  expect(() => grant.key.keyObject()).toThrow(destroyedKey)
})

it('a retired session gives no grants, and retiring it twice destroys its key once', () => {
  const { made, destroyed } = session()
  made.retire()
  made.retire()
  expect(destroyed.times).toBe(1)
  expect(() => made.reserve(1)).toThrow('no grants after its end')
})

it('a session that cannot derive its key destroys the DEK all the same', () => {
  const dek = Dek.take(new Uint8Array(32).fill(7))
  dek.contentKey = () => {
    throw new Error('no key')
  }
  expect(
    () => new SealingSession({ dek, wrappings: [], missing: [] }, DEFAULT_SUITE, () => undefined),
  ).toThrow('no key')
  expect(dek.destroyed).toBe(true)
})
