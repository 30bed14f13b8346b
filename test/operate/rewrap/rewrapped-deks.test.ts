import { expect, it } from 'vitest'
import type { WrappedDek } from '../../../src/envelope/format.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import type { Cmk } from '../../../src/kms/cmk.js'
import type { Kms } from '../../../src/kms/kms.js'
import { RewrappedDeks } from '../../../src/operate/rewrap/rewrapped-deks.js'
import { cmkOf } from '../../support/cmks.js'
import { MemoryKms } from '../../support/memory-kms.js'

const { signal } = new AbortController()
const context = { env: 'prod' }

/** A KMS that re-encrypts ciphertext DEKs of `b` itself, and says so. */
class Rewrapping extends MemoryKms {
  rewraps = 0

  override async describe(cmkId?: string) {
    return { ...(await super.describe()), rewrapsTo: () => cmkId === 'b' }
  }

  rewrapDek(): Promise<Uint8Array> {
    this.rewraps++
    return Promise.resolve(Uint8Array.of(7))
  }
}

async function wrapped(kms: Kms, cmk: Cmk): Promise<WrappedDek> {
  const { ciphertextDek } = await kms.generateDek({ cmkId: cmk.id, context, signal })
  return { provider: cmk.provider, cmkId: cmk.id, ciphertextDek: Buffer.from(ciphertextDek) }
}

async function setup() {
  const [one, two] = [new MemoryKms(), new Rewrapping()]
  const [a, b, c] = [await cmkOf('one', one, 'a'), await cmkOf('two', two, 'b'), await cmkOf('two', two, 'c')]
  const [ofA, ofB] = [await wrapped(one, a), await wrapped(two, b)]
  const cmks = CmkSet.forOpening([a, b])
  const dek = { wrappedDeks: [ofA, ofB], context, cmks, candidates: cmks.matching([ofA, ofB]) }
  one.calls.length = 0
  return { one, two, c, ofA, ofB, dek, deks: new RewrappedDeks(2, signal) }
}

it('a wrapping is added by the KMS that re-encrypts itself, although the rule prefers another CMK', async () => {
  const { one, two, c, ofA, ofB, dek, deks } = await setup()
  const wrappings = [{ kept: ofA }, { kept: ofB }, { under: c }]
  expect(await deks.get({ ...dek, wrappings }).wrappings).toEqual([
    ofA,
    ofB,
    { provider: 'memory', cmkId: 'c', ciphertextDek: Buffer.of(7) },
  ])
  expect([two.rewraps, one.calls.length]).toEqual([1, 0])
})

it('the wrapping that is replaced is the one that is unwrapped', async () => {
  const { one, two, c, ofA, ofB, dek, deks } = await setup()
  await deks.get({ ...dek, wrappings: [{ under: c, replaced: ofA }, { kept: ofB }] }).wrappings
  expect([two.rewraps, one.calls.map(({ operation }) => operation)]).toEqual([0, ['unwrap']])
})

it('a DEK is asked for once, and again once it was forgotten or displaced', async () => {
  const { two, c, ofA, ofB, dek, deks } = await setup()
  const wanted = { ...dek, wrappings: [{ kept: ofA }, { kept: ofB }, { under: c }] }
  const first = deks.get(wanted)
  expect(deks.get({ ...wanted, context: { env: 'prod' } })).toBe(first)
  await first.wrappings
  deks.forget(wanted, first)
  expect(deks.get(wanted)).not.toBe(first)
  const others = [{ env: 'a' }, { env: 'b' }].map((other) => deks.get({ ...wanted, context: other }))
  expect(deks.get(wanted)).not.toBe(first)
  await Promise.all(others.map(({ wrappings }) => wrappings))
  expect([two.rewraps, deks.made]).toEqual([5, 5])
})
