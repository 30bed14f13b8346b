import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { perSession } from '../../support/sealed.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { owner, settle, type Owner, type OwnerOptions } from '../owner.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')

/** A rule with an hour of grace whose DEK has sealed 10 records of its 1,000 and 100 seconds. */
async function inUse(options: OwnerOptions = {}): Promise<Owner> {
  const made = await owner({
    ...options,
    encrypt: {
      rotate: { maxAge: '100s', maxMessages: 1000, prefetch: 0, grace: '1h', ...options.encrypt?.rotate },
    },
  })
  await made.seal(10)
  return made
}

describe('grace', () => {
  it('a DEK goes on past its age while the KMS is unavailable, metered and visible; then the next takes over', async () => {
    const { kms, clock, seal, named, encryption, events } = await inUse()
    expect(encryption.health()).toMatchObject({ status: 'ok', sealingKeys: [{ state: 'ready' }] })
    kms.failure = away
    clock.advance(100_000)
    await settle()
    await seal(5)
    expect(named('dek.grace')).toMatchObject([
      { rule: 't', limit: 'age', code: 'KMS_UNAVAILABLE', graceMs: 3_600_000 },
    ])
    clock.advance(600_000)
    await seal(7)
    expect(encryption.health()).toMatchObject({
      status: 'degraded',
      sealingKeys: [
        {
          state: 'grace',
          messages: 22,
          rotatesInMs: 0,
          grace: { limit: 'age', code: 'KMS_UNAVAILABLE', leftMs: 3_000_000 },
        },
      ],
    })
    expect(named('dek.retired')).toEqual([])
    kms.failure = undefined
    for (let s = 0; s < 90; s++) {
      clock.advance(1000)
      await settle()
    }
    expect(named('dek.retired')).toMatchObject([
      { reason: 'replaced', messages: 22, grace: { limit: 'age', messages: 12 } },
    ])
    expect(named('dek.created')).toHaveLength(2)
    const order = events.map(({ name }) => name).filter((name) => /^dek.(created|retired)$/.test(name))
    expect(order).toEqual(['dek.created', 'dek.created', 'dek.retired'])
    expect(encryption.health()).toMatchObject({
      status: 'ok',
      sealingKeys: [{ state: 'ready', messages: 0 }],
    })
    expect(perSession(await seal(3))).toEqual([3])
    expect(named('dek.waited').filter(({ outcome }) => outcome === 'failed')).toEqual([])
  })

  it.each([
    ['messages', { maxMessages: 1000 }, 0],
    ['bytes', { maxBytes: '1MiB' }, 2000],
  ] as const)(
    'grace extends past the %s too, and the batch that crosses the limit is sealed whole',
    async (limit, rotate, bytes) => {
      const { kms, seal, named } = await inUse({ encrypt: { rotate: { ...rotate, prefetch: 0 } } })
      kms.failure = away
      expect(perSession(await seal(1500, 't', bytes))).toEqual([1500])
      expect(named('dek.grace')).toMatchObject([{ limit, code: 'KMS_UNAVAILABLE' }])
    },
  )

  it('grace ends to the millisecond, even for an idle key', async () => {
    const { kms, clock, seal, named } = await inUse()
    kms.failure = away
    clock.advance(100_000)
    await seal()
    clock.advance(3_599_999)
    await seal()
    clock.advance(1)
    expect(named('dek.retired')).toMatchObject([
      { reason: 'grace', grace: { limit: 'age', messages: 2, ms: 3_600_000 } },
    ])
    expect(named('dek.destroyed')).toHaveLength(1)
    expect(await thrownBy(() => seal())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
  })

  it.each([
    ['KMS_DENIED', 'denied'],
    ['CMK_DISABLED', 'denied'],
    ['CMK_NOT_FOUND', 'denied'],
    ['CMK_UNUSABLE', 'denied'],
    // The KMS refuses, for another reason: that is not an outage.
    ['KMS_REFUSED', 'grace'],
    ['KEYRING_EXPOSED', 'grace'],
  ] as const)('grace ends if the next attempt fails with %s, and the reason is %s', async (code, reason) => {
    const { kms, clock, seal, named } = await inUse()
    clock.jitter = () => 1
    kms.failure = away
    clock.advance(100_000)
    await seal()
    kms.failure = new EnvelopeError(code, 'no')
    clock.advance(999)
    await settle()
    expect(named('dek.retired')).toEqual([])
    // The first pause is over.
    clock.advance(1)
    await settle()
    expect(named('dek.retired')).toMatchObject([{ reason, grace: { messages: 1 } }])
    expect(await thrownBy(() => seal())).toMatchObject({ code })
  })

  it.each([
    'KMS_UNAVAILABLE',
    'KMS_THROTTLED',
    'KMS_TIMEOUT',
    'KMS_CREDENTIALS_UNAVAILABLE',
    'KMS_RESPONSE_INVALID',
  ] as const)('grace is granted for %s, which is an outage', async (code) => {
    const { kms, clock, seal, named } = await inUse()
    kms.failure = new EnvelopeError(code, 'away')
    clock.advance(100_000)
    await seal()
    expect(named('dek.grace')).toMatchObject([{ limit: 'age', code }])
  })

  it('grace continues while our own rate limit is used up, and ends in time all the same', async () => {
    const { kms, clock, seal, named, encryption } = await inUse()
    kms.failure = away
    clock.advance(100_000)
    await seal()
    kms.failure = new EnvelopeError('KMS_RATE_LIMITED', 'ours')
    const asked = kms.calls.length
    for (let s = 0; s < 200; s++) {
      clock.advance(1000)
      await settle()
    }
    expect(kms.calls.length).toBeGreaterThan(asked)
    expect(perSession(await seal(2))).toEqual([2])
    expect(encryption.health().sealingKeys).toMatchObject([
      { state: 'grace', failure: 'KMS_RATE_LIMITED', grace: { code: 'KMS_UNAVAILABLE', leftMs: 3_400_000 } },
    ])
    expect(named('dek.retired')).toEqual([])
    clock.advance(3_400_000)
    expect(named('dek.retired')).toMatchObject([{ reason: 'grace', grace: { messages: 3 } }])
    expect(await thrownBy(() => seal())).toMatchObject({ code: 'KMS_RATE_LIMITED' })
  })

  describe('if our own rate limit is used up when the DEK reaches its limit', () => {
    const spent = new EnvelopeError('KMS_RATE_LIMITED', 'ours')
    async function atLimit(): Promise<Owner> {
      const made = await inUse()
      made.kms.failure = spent
      made.clock.advance(100_000)
      expect(await thrownBy(() => made.seal())).toMatchObject({ code: 'KMS_RATE_LIMITED' })
      expect(made.encryption.health().sealingKeys).toMatchObject([{ state: 'fetching', messages: 10 }])
      return made
    }

    it('nothing is sealed while our own rate limit is used up, and a call that succeeds brings the next DEK', async () => {
      const { kms, seal, named } = await atLimit()
      kms.failure = undefined
      expect(perSession(await seal(2))).toEqual([2])
      expect(named('dek.retired')).toMatchObject([{ reason: 'age', messages: 10 }])
      expect(named('dek.grace')).toEqual([])
    })

    it('an outage that is detected later gives the rest of the grace, counted from the limit', async () => {
      const { kms, clock, seal, encryption, named } = await atLimit()
      clock.advance(600_000)
      await settle()
      kms.failure = away
      await seal()
      expect(encryption.health().sealingKeys).toMatchObject([
        { state: 'grace', messages: 11, grace: { code: 'KMS_UNAVAILABLE', leftMs: 3_000_000 } },
      ])
      clock.advance(2_999_999)
      await seal()
      clock.advance(1)
      expect(named('dek.retired')).toMatchObject([{ reason: 'grace', grace: { messages: 2, ms: 3_600_000 } }])
    })

    it('a final failure ends the DEK', async () => {
      const { kms, seal, named } = await atLimit()
      kms.failure = new EnvelopeError('KMS_REFUSED', 'no')
      expect(await thrownBy(() => seal())).toMatchObject({ code: 'KMS_REFUSED' })
      expect(named('dek.retired')).toMatchObject([{ reason: 'age', messages: 10 }])
    })

    it('the DEK is kept no longer than a grace would last', async () => {
      const { clock, named } = await atLimit()
      clock.advance(3_599_999)
      expect(named('dek.retired')).toEqual([])
      clock.advance(1)
      const [retired] = named('dek.retired')
      expect(retired).toMatchObject({ reason: 'age', messages: 10 })
      expect(retired).not.toHaveProperty('grace')
      expect(named('dek.destroyed')).toHaveLength(1)
    })
  })

  it('grace starts immediately after an outage that prefetch detected, although our own rate limit was used up since', async () => {
    const { kms, clock, seal, named } = await inUse({
      encrypt: { rotate: { maxAge: '100s', prefetch: '50s' } },
    })
    for (const [ms, failure] of [
      [80_000, away],
      [15_000, new EnvelopeError('KMS_RATE_LIMITED', 'ours')],
    ] as const) {
      kms.failure = failure
      clock.advance(ms)
      await settle()
    }
    clock.advance(5000)
    const asked = kms.calls.length
    kms.hold = true
    await seal()
    expect(kms.calls.length).toBeLessThanOrEqual(asked + 1)
    expect(named('dek.grace')).toMatchObject([{ limit: 'age', code: 'KMS_UNAVAILABLE' }])
  })

  it('grace is not granted for an outage that is over: an old failure of prefetch does not count', async () => {
    const { kms, clock, seal, named } = await inUse({
      encrypt: { rotate: { maxAge: '24h', maxMessages: 1000, prefetch: 0 } },
    })
    kms.failure = away
    clock.advance(86_400_000)
    await seal()
    expect(named('dek.grace')).toHaveLength(1)
    kms.failure = undefined
    for (let s = 0; s < 90; s++) {
      clock.advance(1000)
      await settle()
    }
    await seal(1500)
    expect(named('dek.grace')).toHaveLength(1)
  })

  it.each(['KMS_UNAVAILABLE', 'KMS_REFUSED'] as const)(
    'a denial by one of several CMKs counts, although another one fails with %s',
    async (code) => {
      const kms = new MemoryKms()
      const cmks = ['a', 'b', 'c'].map((id) => ({ kms: 'memory', id }))
      const { clock, seal, named } = await inUse({ kms, config: { cmks: { main: cmks } } })
      kms.hold = true
      clock.advance(100_000)
      const sending = thrownBy(() => seal())
      await kms.waitForHeld()
      kms.held[0]?.succeed()
      await kms.waitForHeld(2)
      kms.held[0]?.fail(new EnvelopeError(code, 'no'))
      await settle()
      kms.held[0]?.fail(new EnvelopeError('CMK_DISABLED', 'off'))
      expect(await sending).toMatchObject({ code: 'CMK_DISABLED' })
      expect(named('dek.grace')).toEqual([])
      expect(named('dek.retired')).toMatchObject([{ reason: 'denied' }])
    },
  )

  it.each(['KMS_DENIED', 'CMK_DISABLED', 'KMS_REFUSED', 'CMK_UNUSABLE'] as const)(
    'grace is not granted for %s',
    async (code) => {
      const { kms, clock, seal, named } = await inUse()
      kms.failure = new EnvelopeError(code, 'no')
      clock.advance(100_000)
      expect(await thrownBy(() => seal())).toMatchObject({ code })
      expect(named('dek.grace')).toEqual([])
      expect(named('dek.destroyed')).toHaveLength(1)
    },
  )

  it('grace is not granted unless configured, or without a DEK', async () => {
    const without = await inUse({ encrypt: { rotate: { grace: 0 } } })
    without.kms.failure = away
    without.clock.advance(100_000)
    expect(await thrownBy(() => without.seal())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    const { kms, seal, named } = await owner({ encrypt: { rotate: { grace: '1h' } } })
    kms.failure = away
    expect(await thrownBy(() => seal())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(named('dek.grace')).toEqual([])
  })

  it('grace is not given to an unused DEK, which ends at its age', async () => {
    const { kms, clock, named, encryption } = await inUse()
    await encryption.rotate()
    kms.failure = away
    clock.advance(100_000)
    await settle()
    expect(named('dek.retired')).toMatchObject([{ reason: 'manual' }, { reason: 'age', messages: 0 }])
    expect(named('dek.grace')).toEqual([])
  })

  it('grace starts without a wait if prefetch has detected the outage', async () => {
    const { kms, clock, seal, named } = await inUse({
      encrypt: { rotate: { maxAge: '100s', prefetch: '50s' } },
    })
    kms.failure = away
    clock.advance(99_000)
    await settle()
    kms.failure = undefined
    kms.hold = true
    clock.advance(1000)
    expect(perSession(await seal(2))).toEqual([2])
    expect(named('dek.grace')).toMatchObject([{ limit: 'age', code: 'KMS_UNAVAILABLE' }])
  })

  it('rotate(), evict() and close() end a grace', async () => {
    for (const end of ['rotate', 'evict', 'close'] as const) {
      const { kms, clock, seal, named, encryption } = await inUse()
      kms.failure = away
      clock.advance(100_000)
      await seal()
      if (end === 'rotate')
        expect(await thrownBy(() => encryption.rotate())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
      else if (end === 'evict') encryption.evict('cmk')
      else await encryption.close()
      const reason = { rotate: 'manual', evict: 'evicted', close: 'closed' }[end]
      expect(named('dek.retired')).toMatchObject([{ reason, grace: { messages: 1 } }])
      expect(await thrownBy(() => seal())).toMatchObject({
        code: end === 'close' ? 'ENCRYPTION_CLOSED' : 'KMS_UNAVAILABLE',
      })
      expect(clock.timers).toBe(0)
    }
  })
})

it('a grace counts the records and bytes sealed in it, and its time to the millisecond', async () => {
  const { kms, clock, seal, encryption, named } = await inUse()
  kms.failure = away
  clock.advance(100_000)
  await seal(2, 't', 100)
  await seal(3, 't', 10)
  clock.advance(3_599_999)
  expect(encryption.health().sealingKeys).toMatchObject([{ grace: { limit: 'age', leftMs: 1 } }])
  clock.advance(1)
  expect(named('dek.retired')).toMatchObject([
    { grace: { limit: 'age', messages: 5, bytes: 2 * 100 + 3 * `${CANARY} 0`.length, ms: 3_600_000 } },
  ])
})

it('a grace is announced once, however often the KMS is asked during it', async () => {
  const { kms, clock, seal, named } = await inUse()
  kms.failure = away
  clock.advance(100_000)
  await seal()
  const asked = kms.calls.length
  for (let minutes = 0; minutes < 5; minutes++) {
    clock.advance(61_000)
    await settle()
  }
  expect(kms.calls.length).toBeGreaterThan(asked + 3)
  expect(named('dek.grace')).toHaveLength(1)
})
