import { describe, expect, it } from 'vitest'
import type { EncryptRule, RotationConfig } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { owner, settle } from '../owner.js'

const HOUR = 3_600_000

class CountingClock extends FakeClock {
  scheduled = 0

  override schedule(callback: () => void, ms: number): () => void {
    // Otherwise a loop would run as long as the clock is advanced, and the test would not end.
    if (++this.scheduled > 1000) throw new Error('timers are set in a loop')
    return super.schedule(callback, ms)
  }
}

describe('timers of a DEK rotation are a handful in an hour', () => {
  it.each<
    [string, { readonly rotate?: RotationConfig }, { readonly provisioned: boolean; readonly sealed: number }]
  >([
    ['a provisioned DEK', {}, { provisioned: true, sealed: 1 }],
    ['a provisioned DEK, unused', {}, { provisioned: true, sealed: 0 }],
    [
      'a provisioned DEK, nearly used up',
      { rotate: { maxMessages: 1000 } },
      { provisioned: true, sealed: 990 },
    ],
    ['with prefetch', {}, { provisioned: false, sealed: 1 }],
    ['without prefetch', { rotate: { prefetch: 0 } }, { provisioned: false, sealed: 1 }],
    [
      'without prefetch, nearly used up',
      { rotate: { maxMessages: 1000, prefetch: 0 } },
      { provisioned: false, sealed: 990 },
    ],
  ])('timers of a DEK rotation are a handful in an hour: %s', async (_, encrypt, { provisioned, sealed }) => {
    const [kms, clock] = [new MemoryKms(), new CountingClock()]
    const rotate = { maxAge: '24h', ...encrypt.rotate } as const
    const text = await (await owner({ kms, clock })).encryption.createProvisionedDek('t')
    const { seal, encryption } = await owner({
      kms,
      clock,
      encrypt: { rotate, ...(provisioned && { provisionedDek: { text } }) } as Partial<EncryptRule>,
    })
    if (sealed > 0) await seal(sealed)
    for (let hour = 1; hour <= 50; hour++) {
      clock.scheduled = 0
      clock.advance(HOUR)
      await settle()
      expect([hour, clock.scheduled > 6]).toEqual([hour, false])
    }
    expect(clock.timers).toBe(0)
    await encryption.close()
  })

  it('timers of a DEK rotation are a handful in an hour, even while a DEK past its age waits for the KMS to answer', async () => {
    const clock = new CountingClock()
    const { seal, kms, encryption } = await owner({
      clock,
      encrypt: { rotate: { maxAge: '2h', prefetch: 0, grace: '1h' } },
    })
    await seal()
    kms.hold = true
    clock.advance(2 * HOUR)
    clock.scheduled = 0
    clock.advance(HOUR)
    expect(encryption.health().sealingKeys).toMatchObject([{ state: 'fetching' }])
    expect(clock.scheduled).toBeLessThanOrEqual(2)
    await encryption.close()
  })

  it('timers of a DEK rotation are as many as the attempts while the KMS is unavailable', async () => {
    const clock = new CountingClock()
    // A budget is spent in real time.
    const plenty = { perSecond: 10_000, burst: 10_000 }
    const { seal, kms, encryption } = await owner({
      clock,
      config: { kmsRateLimit: { opening: plenty, sealing: plenty } },
      encrypt: { rotate: { maxAge: '2h', prefetch: '1h', grace: '1h' } },
    })
    await seal()
    kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
    for (let minute = 0; minute < 181; minute++) {
      const before = { scheduled: clock.scheduled, calls: kms.calls.length }
      clock.advance(60_000)
      await settle()
      const attempts = kms.calls.length - before.calls
      expect(clock.scheduled - before.scheduled).toBeLessThanOrEqual(2 + 3 * attempts)
    }
    expect(encryption.health().sealingKeys).toMatchObject([{ state: 'empty' }])
    expect(clock.timers).toBe(0)
  })
})
