import { describe, expect, it } from 'vitest'
import type { RotationConfig } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { thrownBy } from '../../support/emissions.js'
import { parts, perSession } from '../../support/sealed.js'
import { answersAfter, owner, settle } from '../owner.js'

const KMS_MS = 300

describe('with a KMS that takes 300 ms', () => {
  it.each<[string, RotationConfig, number]>([
    ['age', { maxAge: '60s', prefetch: '10s' }, 11],
    ['records', { maxMessages: 1000, prefetch: '10s' }, 6],
    ['bytes', { maxBytes: '1MiB', prefetch: '10s' }, 6],
  ])(
    'with a KMS that takes 300 ms and DEKs that end by %s, only the first send waits',
    async (limit, rotate, atLeast) => {
      const { kms, clock, seal, named } = await owner({ encrypt: { rotate } })
      const { step } = answersAfter(kms, clock, KMS_MS)
      const first = seal(10, 't', 1000)
      for (let ms = 0; ms < KMS_MS; ms += 100) await step(100)
      await first
      for (let sent = 0; sent < 6500; sent++) {
        const sending = seal(1, 't', 1000)
        await step(100)
        await sending
      }
      expect(named('dek.waited')).toMatchObject([{ outcome: 'ok' }])
      expect(named('dek.retired').length).toBeGreaterThanOrEqual(atLeast)
      const reason = limit === 'records' ? 'messages' : limit
      for (const event of named('dek.retired')) expect(event).toMatchObject({ reason })
      // One DEK ahead at most: prefetch does not multiply them.
      expect(named('dek.created').length).toBeLessThanOrEqual(named('dek.retired').length + 2)
    },
  )

  it('maxMessages: 1 keeps up with sends that are further apart than a call', async () => {
    const { kms, clock, seal, named } = await owner({
      encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
    })
    const { step } = answersAfter(kms, clock, KMS_MS)
    const sealed: (Buffer | null)[] = []
    for (let sent = 0; sent < 30; sent++) {
      const sending = seal(1)
      // The first send waits 300 ms, and only then the next DEK is on its way.
      for (let ms = 0; ms < 800; ms += 100) await step(100)
      sealed.push(...(await sending))
    }
    expect(perSession(sealed)).toEqual(sealed.map(() => 1))
    expect(named('dek.waited')).toHaveLength(1)
  })

  it('sends that outrun prefetch wait in order, and past their deadline get a clear error', async () => {
    const { kms, clock, seal, named, encryption } = await owner({
      encrypt: { rotate: { maxMessages: 5, allowFrequentRotation: true }, dekTimeout: '2s' },
    })
    const { step } = answersAfter(kms, clock, KMS_MS)
    const order: number[] = []
    const sends = Array.from({ length: 20 }, async (_, i) => {
      const sealed = await seal(1)
      order.push(i)
      return sealed
    })
    for (let i = 0; i < 20; i++) await step(100)
    const sealed = (await Promise.all(sends)).flat()
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(perSession(sealed)).toEqual([5, 5, 5, 5])
    expect(sealed.map((value) => parts(value).counter)).toEqual(sealed.map((_, i) => i % 5))
    expect(named('dek.waited').length).toBeGreaterThan(0)
    // From here on nothing answers; the current DEK, if any, is used up first.
    const late = [seal(5).catch(() => undefined), thrownBy(() => seal(6))]
    await settle()
    clock.advance(2000)
    expect(await late[1]).toMatchObject({
      code: 'KEY_WAIT_TIMEOUT',
      kind: 'transient',
      message: expect.stringMatching(/no DEK for rule t within \d+ ms.*rotate less often/s) as string,
    })
    await encryption.close()
  })
})

describe('prefetch', () => {
  it('prefetch starts between half and all of `prefetch` before the age, at random, so that processes differ', async () => {
    const startsMs: number[] = []
    for (let n = 0; n < 40; n++) {
      const { kms, clock, seal } = await owner({ encrypt: { rotate: { maxAge: '1000s', prefetch: '100s' } } })
      await seal()
      while (kms.calls.length < 2) {
        clock.advance(1000)
        await settle()
      }
      startsMs.push(clock.monotonicMs() - 1000)
    }
    expect(Math.min(...startsMs)).toBeGreaterThanOrEqual(900_000)
    expect(Math.max(...startsMs)).toBeLessThanOrEqual(951_000)
    expect(new Set(startsMs).size).toBeGreaterThan(15)
  })

  it('prefetch ignores an unused DEK: it ends at its age, and no other is fetched', async () => {
    const { kms, clock, seal, named, encryption } = await owner({ encrypt: { rotate: { maxAge: '100s' } } })
    await seal()
    clock.advance(99_000)
    await settle()
    // Used, so the next was fetched; that one is not used.
    expect(kms.calls).toHaveLength(2)
    for (let s = 0; s < 1000; s++) {
      clock.advance(1000)
      await settle()
    }
    expect(kms.calls).toHaveLength(2)
    expect(named('dek.retired')).toMatchObject([
      { reason: 'age', messages: 1 },
      { reason: 'age', messages: 0 },
    ])
    expect(named('dek.destroyed')).toHaveLength(2)
    expect(encryption.health().sealingKeys).toMatchObject([{ state: 'empty' }])
    expect(clock.timers).toBe(0)
  })

  it('prefetch of 0 is off: the next DEK is fetched when a send needs it', async () => {
    const { kms, clock, seal } = await owner({
      encrypt: { rotate: { maxAge: '100s', maxMessages: 1000, prefetch: 0 } },
    })
    await seal(999)
    clock.advance(99_999)
    await settle()
    expect(kms.calls).toHaveLength(1)
    clock.advance(1)
    await seal(1000)
    await settle()
    expect(kms.calls).toHaveLength(2)
    await seal()
    expect(kms.calls).toHaveLength(3)
  })

  it('prefetch fetches nothing if a DEK became too old while the machine slept: no send may need one', async () => {
    const { kms, clock, seal, named } = await owner({
      encrypt: { rotate: { maxAge: '100s', prefetch: '50s' } },
    })
    await seal()
    clock.sleep(1_000_000)
    clock.advance(100_000)
    await settle()
    expect(named('dek.retired')).toMatchObject([{ reason: 'age' }])
    expect(kms.calls).toHaveLength(1)
    await seal()
    expect(kms.calls).toHaveLength(2)
  })

  it('prefetch that fails is retried with pauses while the DEK lasts, and does not affect sends', async () => {
    const { kms, clock, seal, named } = await owner({
      encrypt: { rotate: { maxAge: '1000s', prefetch: '400s' } },
    })
    await seal()
    kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
    // No pause is longer than what is left then.
    for (let s = 0; s < 930; s++) {
      clock.advance(1000)
      await settle()
      await seal()
    }
    const attempts = kms.calls.length - 1
    expect(attempts).toBeGreaterThan(3)
    expect(attempts).toBeLessThan(100)
    kms.failure = undefined
    for (let s = 0; s < 100; s++) {
      clock.advance(1000)
      // No time passes while a call is on its way.
      await settle()
      await seal()
    }
    expect(named('dek.waited')).toHaveLength(1)
    expect(named('dek.retired')).toMatchObject([{ reason: 'age' }])
  })

  it('prefetch that is denied ends the current DEK: a DEK that may not be renewed may not be used', async () => {
    for (const code of ['KMS_DENIED', 'CMK_DISABLED', 'CMK_NOT_FOUND', 'CMK_UNUSABLE'] as const) {
      const { kms, clock, seal, named } = await owner({
        encrypt: { rotate: { maxAge: '1000s', prefetch: '200s' } },
      })
      await seal()
      kms.failure = new EnvelopeError(code, 'no')
      clock.advance(950_000)
      await settle()
      expect(named('dek.retired')).toMatchObject([{ reason: 'denied' }])
      expect(await thrownBy(() => seal())).toMatchObject({ code })
      kms.failure = undefined
      await seal()
    }
  })
})
