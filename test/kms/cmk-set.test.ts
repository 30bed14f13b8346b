import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../src/errors.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import { CmkSet } from '../../src/kms/cmk-set.js'
import { checkedDescription } from '../../src/kms/description.js'
import type { Cmk } from '../../src/kms/cmk.js'
import type { Kms } from '../../src/kms/kms.js'
import { cmkOf } from '../support/cmks.js'
import { thrownBy } from '../support/emissions.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryKms } from '../support/memory-kms.js'

const { signal } = new AbortController()
const failure = (code: ErrorCode): EnvelopeError => new EnvelopeError(code, 'no')

/** A set of CMKs that fail with these codes, or work if there is no code; and a DEK that was wrapped before. */
async function stage(side: 'forSealing' | 'forOpening', ...codes: (ErrorCode | undefined)[]) {
  const clock = new FakeClock()
  const kmss = codes.map((_, i) => new MemoryKms({ provider: `p${String(i)}` }))
  const cmks = await Promise.all(kmss.map((kms, i) => cmkOf(`kms ${String(i)}`, kms, 'cmk', clock)))
  const set = CmkSet[side](cmks as [Cmk, ...Cmk[]])
  const { wrappings } = await set.newDek({ context: {}, sealUnder: 'all', signal })
  for (const [i, kms] of kmss.entries()) {
    kms.calls.length = 0
    kms.failure = codes[i] === undefined ? undefined : failure(codes[i])
  }
  return {
    clock,
    kmss,
    set,
    wrappings,
    unwrap: () =>
      set.unwrap(set.matching(wrappings), ({ cmk, ciphertextDek }) => cmk.unwrap(ciphertextDek, {}, signal)),
    /** The KMS services that were asked, in order, since the last read. */
    asked(): number[] {
      const asked = kmss.flatMap(({ calls }, i) => calls.map(() => i))
      for (const { calls } of kmss) calls.length = 0
      return asked
    },
  }
}

const codeOf = async (run: () => Promise<unknown>): Promise<ErrorCode> =>
  ((await thrownBy(run)) as EnvelopeError).code

describe('a new DEK', () => {
  it.each([
    [['KMS_UNAVAILABLE', 'KMS_DENIED'], 'KMS_DENIED'],
    [['KMS_UNAVAILABLE', 'KMS_REFUSED', 'CMK_DISABLED'], 'CMK_DISABLED'],
    [['KMS_TIMEOUT', 'KMS_REFUSED', 'KMS_UNAVAILABLE'], 'KMS_REFUSED'],
    [['KMS_TIMEOUT', 'ENCRYPTION_CLOSED'], 'ENCRYPTION_CLOSED'],
    [['KMS_TIMEOUT', 'KMS_UNAVAILABLE'], 'KMS_TIMEOUT'],
  ] as const)(
    'a new DEK that the other CMKs fail to wrap (%j) fails with %s: a denial, else a final failure, else the first',
    async (codes, code) => {
      const { set, asked } = await stage('forSealing', undefined, ...codes)
      expect(await codeOf(() => set.newDek({ context: {}, sealUnder: 'all', signal }))).toBe(code)
      expect(asked()).toEqual([0, ...codes.map((_, i) => i + 1)])
    },
  )

  it('a new DEK fails if the first CMK fails, and the others are not asked', async () => {
    const { set, asked } = await stage('forSealing', 'KMS_UNAVAILABLE', 'CMK_DISABLED')
    expect(await codeOf(() => set.newDek({ context: {}, sealUnder: 'all', signal }))).toBe('KMS_UNAVAILABLE')
    expect(asked()).toEqual([0])
  })
})

describe('a new DEK under any CMK', () => {
  const any = { context: {}, sealUnder: 'any', signal } as const

  it.each([
    [
      [undefined, 'KMS_UNAVAILABLE', undefined],
      [0, 2],
    ],
    [
      ['KMS_UNAVAILABLE', undefined, undefined],
      [1, 2],
    ],
    [['KMS_DENIED', 'CMK_DISABLED', undefined], [2]],
    [
      [undefined, undefined, undefined],
      [0, 1, 2],
    ],
  ] as const)(
    'a new DEK under any of several CMKs is wrapped under those that work (%j), and names the others',
    async (codes, working) => {
      const { set, asked } = await stage('forSealing', ...codes)
      const { dek, wrappings, missing } = await set.newDek(any)
      expect(wrappings.map(({ provider }) => provider)).toEqual(working.map((i) => `p${String(i)}`))
      expect(missing).toEqual(codes.flatMap((code) => (code === undefined ? [] : [{ cmkId: 'cmk', code }])))
      // Each is asked once, whether it fails to make the DEK or to wrap it.
      expect(asked()).toEqual([0, 1, 2])
      const opened = await set.unwrap(set.matching(wrappings), ({ cmk, ciphertextDek }) =>
        cmk.unwrap(ciphertextDek, {}, signal),
      )
      const session = Buffer.alloc(16)
      expect(opened.contentKey(DEFAULT_SUITE, session).commitment).toEqual(
        dek.contentKey(DEFAULT_SUITE, session).commitment,
      )
    },
  )

  it.each([
    [['CMK_DISABLED', 'KMS_UNAVAILABLE', 'KMS_TIMEOUT'], 'KMS_UNAVAILABLE'],
    [['KMS_REFUSED', 'CMK_DISABLED'], 'CMK_DISABLED'],
    [['KMS_REFUSED', 'KMS_CREDENTIALS_UNAVAILABLE'], 'KMS_CREDENTIALS_UNAVAILABLE'],
  ] as const)(
    'a new DEK under any of several CMKs that all fail (%j) fails with %s: a transient failure, which may pass soon, else a denial',
    async (codes, code) => {
      const { set } = await stage('forSealing', ...codes)
      expect(await codeOf(() => set.newDek(any))).toBe(code)
      expect(await codeOf(() => set.verify('wrap', 'any', {}, signal))).toBe(code)
    },
  )

  it('a call that our own limit held back does not make a DEK that lacks a CMK', async () => {
    for (const codes of [
      ['KMS_RATE_LIMITED', undefined],
      [undefined, 'KMS_RATE_LIMITED'],
    ] as const) {
      const { set } = await stage('forSealing', ...codes)
      expect(await codeOf(() => set.newDek(any))).toBe('KMS_RATE_LIMITED')
    }
  })

  it('the error of a KMS that was closed is not tolerated, since it says nothing about a CMK', async () => {
    for (const codes of [
      ['ENCRYPTION_CLOSED', undefined],
      [undefined, 'ENCRYPTION_CLOSED'],
    ] as const) {
      const { set } = await stage('forSealing', ...codes)
      expect(await codeOf(() => set.newDek(any))).toBe('ENCRYPTION_CLOSED')
    }
  })

  it('after its caller cancelled it, the other CMKs are not asked', async () => {
    const { set, asked } = await stage('forSealing', 'KMS_TIMEOUT', undefined)
    expect(await codeOf(() => set.newDek({ ...any, signal: AbortSignal.abort() }))).toBe('KMS_TIMEOUT')
    expect(asked()).toEqual([0])
  })

  it('verifying needs one of them', async () => {
    const { set } = await stage('forSealing', 'KMS_UNAVAILABLE', undefined)
    await set.verify('wrap', 'any', {}, signal)
    const none = await stage('forSealing', 'KMS_UNAVAILABLE', 'KMS_TIMEOUT')
    expect(await codeOf(() => none.set.verify('wrap', 'any', {}, signal))).toBe('KMS_UNAVAILABLE')
  })
})

describe('unwrapping a DEK in order to seal', () => {
  it.each([
    [['KMS_DENIED', 'CIPHERTEXT_DEK_INVALID'], 'KMS_DENIED'],
    [['CIPHERTEXT_DEK_INVALID', 'KMS_TIMEOUT', 'KMS_UNAVAILABLE'], 'KMS_TIMEOUT'],
    [['KMS_UNAVAILABLE', 'CMK_UNUSABLE'], 'CMK_UNUSABLE'],
    [['CIPHERTEXT_DEK_INVALID', 'CIPHERTEXT_DEK_INVALID', 'KMS_REFUSED'], 'CIPHERTEXT_DEK_INVALID'],
  ] as const)(
    'unwrapping a DEK in order to seal, when every CMK fails (%j), fails with %s: a CMK denied to everyone, else a transient failure, else the first',
    async (codes, code) => {
      const { unwrap, asked } = await stage('forSealing', ...codes)
      expect(await codeOf(unwrap)).toBe(code)
      expect(asked()).toEqual(codes.map((_, i) => i))
    },
  )

  it.each(['CMK_DISABLED', 'CMK_NOT_FOUND', 'CMK_UNUSABLE'] as const)(
    'unwrapping a DEK in order to seal ends at a CMK that is denied to everyone, since sealing needs all of them: %s',
    async (code) => {
      const { unwrap, asked } = await stage('forSealing', code, undefined)
      expect(await codeOf(unwrap)).toBe(code)
      expect(asked()).toEqual([0])
    },
  )

  it('unwrapping a DEK in order to seal keeps the order: a CMK whose KMS failed transiently a short time ago may be denied now', async () => {
    const { unwrap, asked, kmss } = await stage('forSealing', 'KMS_TIMEOUT', undefined)
    await unwrap()
    expect(asked()).toEqual([0, 1])
    if (kmss[0]) kmss[0].failure = failure('CMK_DISABLED')
    expect(await codeOf(unwrap)).toBe('CMK_DISABLED')
    expect(asked()).toEqual([0])
  })
})

describe('unwrapping a DEK in order to open a record', () => {
  it.each([
    [['KMS_UNAVAILABLE', 'KMS_DENIED', 'CIPHERTEXT_DEK_INVALID'], 'CIPHERTEXT_DEK_INVALID'],
    [['CMK_DISABLED', 'KMS_TIMEOUT'], 'KMS_TIMEOUT'],
    [['CMK_DISABLED', 'KMS_DENIED'], 'CMK_DISABLED'],
  ] as const)(
    'unwrapping a DEK in order to open a record, when every CMK fails (%j), fails with %s: invalid, else transient, else unreadable',
    async (codes, code) => {
      const { unwrap, asked } = await stage('forOpening', ...codes)
      expect(await codeOf(unwrap)).toBe(code)
      expect(asked()).toEqual(codes.map((_, i) => i))
    },
  )

  it('unwrapping a DEK in order to open a record ends at the second invalid failure: a forged envelope buys no more calls', async () => {
    const { unwrap, asked } = await stage(
      'forOpening',
      'CIPHERTEXT_DEK_INVALID',
      'KMS_DENIED',
      'CMK_MISMATCH',
      undefined,
    )
    expect(await codeOf(unwrap)).toBe('CIPHERTEXT_DEK_INVALID')
    expect(asked()).toEqual([0, 1, 2])
  })

  it('unwrapping a DEK in order to open a record asks a CMK whose KMS failed transiently a short time ago after the others', async () => {
    const { unwrap, asked, clock } = await stage('forOpening', 'KMS_TIMEOUT', undefined)
    await unwrap()
    expect(asked()).toEqual([0, 1])
    await unwrap()
    expect(asked()).toEqual([1])
    clock.advance(30_000)
    await unwrap()
    expect(asked()).toEqual([0, 1])
  })

  it('unwrapping a DEK in order to open a record without a wrapping is NO_CANDIDATE', async () => {
    const { set } = await stage('forOpening', undefined)
    expect(await codeOf(() => set.unwrap([], () => Promise.resolve()))).toBe('NO_CANDIDATE')
  })
})

describe.each(['forSealing', 'forOpening'] as const)('unwrapping (%s)', (side) => {
  it('unwrapping stops at once at a failure that says nothing about a CMK or a DEK, such as a closed KMS', async () => {
    const { unwrap, asked } = await stage(side, 'ENCRYPTION_CLOSED', undefined)
    expect(await codeOf(unwrap)).toBe('ENCRYPTION_CLOSED')
    expect(asked()).toEqual([0])
  })

  it('unwrapping asks in the order of the set, whatever the order of the wrappings', async () => {
    const { set, wrappings } = await stage(side, undefined, undefined)
    const other = { provider: 'unknown', cmkId: 'cmk', ciphertextDek: Buffer.from('x') }
    expect(set.matching([...wrappings, other].reverse()).map(({ cmk }) => cmk.provider)).toEqual(['p0', 'p1'])
  })

  it('unwrapping keeps the order if the DEK of a CMK whose KMS is unavailable is cached', async () => {
    const { set, wrappings, unwrap } = await stage(side, 'KMS_TIMEOUT', undefined)
    await unwrap()
    const tried: string[] = []
    const first = await set.unwrap(
      set.matching(wrappings),
      ({ cmk }) => Promise.resolve(tried.push(cmk.provider)),
      ({ cmk }) => cmk.provider === 'p0',
    )
    expect([first, tried]).toEqual([1, ['p0']])
  })
})

describe('a CMK that unwraps for others, such as a replica of their key', () => {
  const made = (provider: string, cmkId: string) => ({ provider, cmkId, ciphertextDek: Buffer.from(cmkId) })

  /** A set of replicas, by their ids. A replica unwraps for every id that begins like its own. */
  async function replicas(unwrapsFor: (id: string, other: string) => unknown, ...ids: string[]) {
    const kms = new MemoryKms({ provider: 'p' })
    const describing: Kms = {
      ...kms.client(),
      describe: (id) =>
        Promise.resolve({
          provider: 'p',
          publicKeyWraps: false,
          unwrapsFor: (other) => unwrapsFor(id, other) as boolean,
        }),
    }
    const cmks = await Promise.all(ids.map((id) => cmkOf('kms', describing, id)))
    const set = CmkSet.forOpening(cmks as [Cmk, ...Cmk[]])
    return (...wrappings: ReturnType<typeof made>[]): string[][] =>
      set.matching(wrappings).map(({ cmk, ciphertextDek }) => [cmk.id, ciphertextDek.toString()])
  }
  const sameKey = (id: string, other: string): boolean => id.slice(0, 2) === other.slice(0, 2)

  it('a CMK that unwraps for others unwraps what they wrapped, under its own id', async () => {
    const matching = await replicas(sameKey, 'k1-here', 'k2-here')
    expect(matching(made('p', 'k2-there'), made('p', 'k3-there'))).toEqual([['k2-here', 'k2-there']])
  })

  it('a CMK that unwraps for others takes its own wrapping first, then the first of theirs', async () => {
    const matching = await replicas(sameKey, 'k1-here')
    const [far, near, farther] = [made('p', 'k1-far'), made('p', 'k1-here'), made('p', 'k1-farther')]
    expect(matching(far, near)).toEqual([['k1-here', 'k1-here']])
    expect(matching(farther, far)).toEqual([['k1-here', 'k1-farther']])
  })

  it('replicas in one set can each unwrap a single wrapping, so the outage of one region is no obstacle', async () => {
    const matching = await replicas(sameKey, 'k1-here', 'k1-there')
    expect(matching(made('p', 'k1-there'))).toEqual([
      ['k1-here', 'k1-there'],
      ['k1-there', 'k1-there'],
    ])
  })

  it('a CMK that unwraps for others does so only for its own provider', async () => {
    const matching = await replicas(sameKey, 'k1-here')
    expect(matching(made('q', 'k1-there'), made('p/rsa-oaep-sha256', 'k1-there'))).toEqual([])
  })

  it('a CMK does not unwrap for others if its provider throws', async () => {
    const matching = await replicas(() => {
      throw new Error('broken')
    }, 'k1-here')
    expect(matching(made('p', 'k1-there'))).toEqual([])
  })

  it('a provider answers for which CMKs one unwraps as a method of its description', () => {
    const described = {
      provider: 'p',
      publicKeyWraps: false,
      other: 'k1-there',
      unwrapsFor(id: string) {
        return id === this.other
      },
    }
    const { unwrapsFor } = checkedDescription('kms', 'k1-here', described)
    expect(['k1-there', 'k2-there'].map((id) => unwrapsFor?.(id))).toEqual([true, false])
  })

  it('a set includes the CMKs for which its own unwrap', async () => {
    const describing: Kms = {
      ...new MemoryKms().client(),
      describe: () =>
        Promise.resolve({ provider: 'p', publicKeyWraps: false, unwrapsFor: (id) => id === 'k1-there' }),
    }
    const set = CmkSet.forSealing([await cmkOf('kms', describing, 'k1-here')])
    expect(['k1-here', 'k1-there', 'k2-there'].map((id) => set.includes(id))).toEqual([true, true, false])
  })

  it.each([1, {}, 'yes', Promise.resolve(false)])(
    'a CMK does not unwrap for others if its provider answers %o instead of true',
    async (answer) => {
      const matching = await replicas(() => answer, 'k1-here')
      expect(matching(made('p', 'k1-there'))).toEqual([])
    },
  )
})

describe('verifying a set of CMKs', () => {
  it('verifying a set of CMKs to wrap needs all of them, and fails as wrapping would', async () => {
    const { set, kmss } = await stage('forSealing', undefined, 'KMS_UNAVAILABLE', 'KMS_DENIED')
    expect(await codeOf(() => set.verify('wrap', 'all', {}, signal))).toBe('KMS_DENIED')
    for (const kms of kmss) kms.failure = undefined
    await set.verify('wrap', 'all', {}, signal)
  })

  it.each([
    ['all', ['generate', 'wrap', 'wrap']],
    ['any', ['generate', 'generate', 'generate']],
  ] as const)(
    'verifying a set of CMKs to wrap under %s of them proves what a new DEK needs: %j',
    async (needs, uses) => {
      const { set, kmss } = await stage('forSealing', undefined, undefined, undefined)
      await set.verify('wrap', needs, {}, signal)
      expect(kmss.flatMap(({ verified }) => verified)).toEqual(uses)
    },
  )

  it.each([
    ['forSealing', ['KMS_DENIED', 'KMS_TIMEOUT'], 'KMS_TIMEOUT'],
    ['forSealing', ['KMS_TIMEOUT', 'CMK_DISABLED'], 'CMK_DISABLED'],
    ['forOpening', ['KMS_DENIED', 'KMS_TIMEOUT'], 'KMS_TIMEOUT'],
    ['forOpening', ['CMK_DISABLED', 'KMS_DENIED'], 'CMK_DISABLED'],
  ] as const)(
    'verifying a set of CMKs to unwrap needs one of them (%s, %j), and fails as unwrapping would',
    async (side, codes, code) => {
      const none = await stage(side, ...codes)
      expect(await codeOf(() => none.set.verify('unwrap', 'any', {}, signal))).toBe(code)
      const one = await stage(side, ...codes, undefined)
      await one.set.verify('unwrap', 'any', {}, signal)
    },
  )
})
