import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Dek } from '../../../src/crypto/dek.js'
import type { StoredDek } from '../../../src/dek-store/dek-store.js'
import { EnvelopeError } from '../../../src/errors.js'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import type { SealingScope } from '../../../src/keys/sealing/dek-supplier.js'
import { matchesScope, storableDek, storedAge, unwrapStored } from '../../../src/keys/sealing/stored-deks.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import { Cmk } from '../../../src/kms/cmk.js'
import { cmkOf } from '../../support/cmks.js'
import type { CheckedEncryptRule } from '../../../src/config/checked.js'
import { thrownBy } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { takenDeks } from '../spy-deks.js'

const signal = new AbortController().signal

/** A rule with two CMKs in two KMS services, and a DEK as a store keeps it. */
async function stage() {
  const clock = new FakeClock()
  const [near, far] = [new MemoryKms({ provider: 'near' }), new MemoryKms({ provider: 'far' })]
  const cmks = [await cmkOf('n', near, 'a', clock), await cmkOf('f', far, 'b', clock)] as const
  const encrypt = { context: { app: 'shop', env: 'prod' } } as unknown as CheckedEncryptRule
  const scope: SealingScope = {
    rule: 'r',
    topic: undefined,
    encrypt,
    cmks: CmkSet.forSealing(cmks),
    suite: DEFAULT_SUITE,
  }
  const made = await Cmk.newDek(cmks, { context: encrypt.context, sealUnder: 'all', signal })
  return { near, far, scope, made, stored: storableDek(made, scope, clock), clock }
}

type Wrapping = StoredDek['wrappings'][number]

const withWrapping = (dek: StoredDek, at: number, change: (wrapping: Wrapping) => object): StoredDek => ({
  ...dek,
  wrappings: dek.wrappings.map((wrapping, i) => (i === at ? { ...wrapping, ...change(wrapping) } : wrapping)),
})

describe('the MAC of a stored DEK', () => {
  it('the MAC of a stored DEK is HMAC-SHA-256, under a key derived from the DEK, over date, sorted context and wrappings: frozen', () => {
    const bytes = Buffer.alloc(32, 7)
    const wrappings = [
      { provider: 'p', cmkId: 'c', ciphertextDek: Buffer.from('one') },
      { provider: 'q', cmkId: 'd', ciphertextDek: Buffer.from('two') },
    ]
    const encrypt = { context: { b: '2', a: '1', B: '3' } } as unknown as CheckedEncryptRule
    const dek = Dek.take(Uint8Array.from(bytes))
    const stored = storableDek({ dek, wrappings }, { encrypt }, new FakeClock())
    const text = '[1700000000000,[["B","3"],["a","1"],["b","2"]],[["p","c","b25l"],["q","d","dHdv"]]]'
    const key = Buffer.from(hkdfSync('sha256', bytes, '', 'kafka-envelope/stored-dek/1', 32))
    expect(stored).toEqual({
      createdAt: 1_700_000_000_000,
      context: { b: '2', a: '1', B: '3' },
      wrappings: [
        { provider: 'p', cmkId: 'c', ciphertextDek: 'b25l' },
        { provider: 'q', cmkId: 'd', ciphertextDek: 'dHdv' },
      ],
      mac: createHmac('sha256', key).update(text).digest('base64'),
    })
  })

  it('the MAC of a stored DEK verifies, whatever the order of its context', async () => {
    const { scope, stored, made } = await stage()
    const context = Object.fromEntries(Object.entries(stored.context).reverse())
    const { dek, wrappings } = await unwrapStored({ ...stored, context }, scope, signal)
    expect(wrappings).toEqual(made.wrappings)
    expect(dek.destroyed).toBe(false)
  })

  it.each<[string, (dek: StoredDek) => StoredDek]>([
    ['an earlier date', (dek) => ({ ...dek, createdAt: dek.createdAt - 1 })],
    ['a later date', (dek) => ({ ...dek, createdAt: dek.createdAt + 1 })],
    ['another value in the context', (dek) => ({ ...dek, context: { ...dek.context, env: 'test' } })],
    ['another name in the context', (dek) => ({ ...dek, context: { app: 'shop', stage: 'prod' } })],
    ['more context', (dek) => ({ ...dek, context: { ...dek.context, x: '' } })],
    ['less context', (dek) => ({ ...dek, context: { app: 'shop' } })],
    ['another provider', (dek) => withWrapping(dek, 0, () => ({ provider: 'far' }))],
    ['another CMK', (dek) => withWrapping(dek, 0, () => ({ cmkId: 'b' }))],
    ['another provider of the second wrapping', (dek) => withWrapping(dek, 1, () => ({ provider: 'near' }))],
    ['another CMK of the second wrapping', (dek) => withWrapping(dek, 1, () => ({ cmkId: 'a' }))],
    ['another second ciphertext', (dek) => withWrapping(dek, 1, () => ({ ciphertextDek: 'AAAA' }))],
    ['one wrapping less', (dek) => ({ ...dek, wrappings: dek.wrappings.slice(0, 1) })],
    ['a wrapping twice', (dek) => ({ ...dek, wrappings: [...dek.wrappings, ...dek.wrappings.slice(1)] })],
    ['another MAC', (dek) => ({ ...dek, mac: Buffer.alloc(32).toString('base64') })],
    ['half of its MAC', (dek) => ({ ...dek, mac: dek.mac.slice(0, 20) })],
    ['no MAC', (dek) => ({ ...dek, mac: '' })],
  ])(
    'the MAC of a stored DEK does not verify with %s: no other wrapping is tried, and the DEK is destroyed',
    async (_, change) => {
      const { far, scope, stored } = await stage()
      const asked = far.calls.length
      const taken = takenDeks()
      expect(await thrownBy(() => unwrapStored(change(stored), scope, signal))).toMatchObject({
        code: 'UNWRAP_FAILED',
        message: expect.stringContaining('was changed after it was created') as string,
      })
      expect(far.calls).toHaveLength(asked)
      expect(taken.map(({ destroyed }) => destroyed)).toEqual([true])
    },
  )

  it('the MAC of a stored DEK that does not verify is final: a second wrapping that an attacker added, with a matching MAC, is not used', async () => {
    const { scope, stored } = await stage()
    const theirs = await Cmk.newDek([scope.cmks.list[1] as Cmk], {
      context: scope.encrypt.context,
      sealUnder: 'all',
      signal,
    })
    const wrappings = [
      {
        ...stored.wrappings[0],
        provider: 'near',
        cmkId: 'a',
        ciphertextDek: Buffer.from(stored.wrappings[0]?.ciphertextDek ?? '', 'base64'),
      },
      ...theirs.wrappings,
    ]
    const planted = storableDek({ dek: theirs.dek, wrappings }, scope, new FakeClock())
    expect(matchesScope(planted, scope)).toBe(true)
    expect(await thrownBy(() => unwrapStored(planted, scope, signal))).toMatchObject({
      code: 'UNWRAP_FAILED',
    })
  })
})

describe('unwrapping a stored DEK', () => {
  it('unwrapping a stored DEK asks the nearest CMK, and the next only if that fails', async () => {
    const { near, far, scope, stored } = await stage()
    const unwraps = (): string[] =>
      [near, far].flatMap(({ provider, calls }) =>
        calls.filter(({ operation }) => operation === 'unwrap').map(() => provider),
      )
    await unwrapStored(stored, scope, signal)
    expect(unwraps()).toEqual(['near'])
    near.failure = new EnvelopeError('KMS_DENIED', 'no')
    const { dek } = await unwrapStored(stored, scope, signal)
    expect(unwraps()).toEqual(['near', 'near', 'far'])
    expect(dek.destroyed).toBe(false)
  })

  it.each(['CMK_DISABLED', 'CMK_NOT_FOUND', 'CMK_UNUSABLE'] as const)(
    'unwrapping a stored DEK ends if a CMK of the rule is denied to everyone, since sealing needs all of them: %s',
    async (code) => {
      const { near, far, scope, stored } = await stage()
      const asked = far.calls.length
      near.failure = new EnvelopeError(code, 'no')
      expect(await thrownBy(() => unwrapStored(stored, scope, signal))).toMatchObject({ code })
      expect(far.calls).toHaveLength(asked)
    },
  )

  it.each([
    ['KMS_DENIED', 'KMS_REFUSED', 'KMS_DENIED'],
    ['KMS_REFUSED', 'CMK_DISABLED', 'CMK_DISABLED'],
    ['KMS_DENIED', 'KMS_TIMEOUT', 'KMS_TIMEOUT'],
    ['KMS_UNAVAILABLE', 'KMS_TIMEOUT', 'KMS_UNAVAILABLE'],
  ] as const)(
    'unwrapping a stored DEK that all CMKs refuse fails with a transient failure, or else with the first: %s, %s',
    async (a, b, code) => {
      const { near, far, scope, stored } = await stage()
      near.failure = new EnvelopeError(a, 'no')
      far.failure = new EnvelopeError(b, 'no')
      expect(await thrownBy(() => unwrapStored(stored, scope, signal))).toMatchObject({ code })
    },
  )

  it('unwrapping a stored DEK asks no CMK that has no wrapping of it', async () => {
    const { near, far, scope, stored } = await stage()
    const asked = far.calls.length
    near.failure = new EnvelopeError('KMS_TIMEOUT', 'no')
    const short = { ...stored, wrappings: stored.wrappings.slice(0, 1) }
    expect(await thrownBy(() => unwrapStored(short, scope, signal))).toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(far.calls).toHaveLength(asked)
  })

  it('unwrapping a stored DEK asks no other CMK after it was cancelled', async () => {
    const { near, far, scope, stored } = await stage()
    const asked = far.calls.length
    const abort = new AbortController()
    near.hold = true
    const unwrapping = thrownBy(() => unwrapStored(stored, scope, abort.signal))
    await near.waitForHeld()
    abort.abort()
    near.held[0]?.fail(new EnvelopeError('KMS_TIMEOUT', 'given up'))
    expect(await unwrapping).toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(far.calls).toHaveLength(asked)
  })
})

describe('the age of a stored DEK', () => {
  const age = (createdAtOffset: number) => {
    const clock = new FakeClock()
    return { clock, ageMs: storedAge({ createdAt: clock.wallMs() + createdAtOffset } as StoredDek, clock) }
  }

  it('the age of a stored DEK counts from when it was made, and continues', () => {
    const { clock, ageMs } = age(-1000)
    expect(ageMs?.()).toBe(1000)
    clock.advance(500)
    expect(ageMs?.()).toBe(1500)
    clock.step(-5000)
    expect(ageMs?.()).toBe(1500)
  })

  it('the age of a stored DEK is 0 if it was dated by a clock up to five minutes ahead, and undefined if further ahead', () => {
    const { clock, ageMs } = age(300_000)
    expect(ageMs?.()).toBe(0)
    clock.advance(7)
    expect(ageMs?.()).toBe(7)
    expect(age(300_001).ageMs).toBeUndefined()
  })
})

describe('a stored DEK belongs to a rule', () => {
  it('a stored DEK belongs to the rule that has its CMKs, in their order, and its context', async () => {
    const { scope, stored } = await stage()
    expect(matchesScope(stored, scope)).toBe(true)
    expect(matchesScope({ ...stored, context: { env: 'prod', app: 'shop' } }, scope)).toBe(true)
  })

  it.each<[string, (dek: StoredDek) => StoredDek]>([
    ['a wrapping less', (dek) => ({ ...dek, wrappings: dek.wrappings.slice(0, 1) })],
    ['a wrapping more', (dek) => ({ ...dek, wrappings: [...dek.wrappings, ...dek.wrappings] })],
    ['wrappings in another order', (dek) => ({ ...dek, wrappings: dek.wrappings.toReversed() })],
    ['another provider', (dek) => withWrapping(dek, 1, () => ({ provider: 'x' }))],
    ['another CMK', (dek) => withWrapping(dek, 1, () => ({ cmkId: 'x' }))],
    ['less context', (dek) => ({ ...dek, context: { app: 'shop' } })],
    ['more context', (dek) => ({ ...dek, context: { ...dek.context, x: '' } })],
    ['another value in the context', (dek) => ({ ...dek, context: { app: 'shop', env: 'test' } })],
    ['another name in the context', (dek) => ({ ...dek, context: { app: 'shop', stage: 'prod' } })],
    [
      'a part of the context that is inherited',
      (dek) => ({ ...dek, context: { __proto__: { env: 'prod' }, app: 'shop', stage: 'prod' } as never }),
    ],
  ])('a stored DEK does not belong to a rule with %s', async (_, change) => {
    const { scope, stored } = await stage()
    expect(matchesScope(change(stored), scope)).toBe(false)
  })
})
