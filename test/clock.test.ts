import { describe, expect, it } from 'vitest'
import { thrownBy } from './support/emissions.js'
import { EnvelopeError } from '../src/errors.js'
import { perSession } from './support/sealed.js'
import { owner, settle } from './keys/owner.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('the age limit holds', () => {
  it('the age limit holds while the machine sleeps, although only the wall clock runs', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '24h', prefetch: 0 } } })
    const before = await seal()
    clock.sleep(DAY)
    expect(perSession([...before, ...(await seal())])).toEqual([1, 1])
    expect(named('dek.retired')).toMatchObject([{ reason: 'age' }])
  })

  it('the age limit holds when the wall clock is set back or forward: a key may end early, but never late', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '24h', prefetch: 0 } } })
    const before = await seal()
    clock.step(-10 * DAY)
    clock.advance(DAY - 1)
    const still = await seal()
    clock.advance(1)
    expect(perSession([...before, ...still, ...(await seal())])).toEqual([2, 1])
    clock.step(DAY)
    await seal()
    expect(named('dek.retired')).toMatchObject([{ reason: 'age' }, { reason: 'age' }])
  })

  it('the age limit holds when the wall clock is set back after a sleep: the sleep is not forgotten', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '24h', prefetch: 0 } } })
    await seal()
    clock.sleep(20 * HOUR)
    // A timer looks at the clocks within the hour.
    clock.advance(HOUR)
    clock.step(-20 * HOUR)
    clock.advance(3 * HOUR)
    expect(named('dek.destroyed')).toHaveLength(1)
  })

  it('the age limit holds beyond the 24.8 days of a timer of Node.js', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '365d', prefetch: 0 } } })
    await seal()
    clock.advance(365 * DAY - 1)
    expect(named('dek.retired')).toEqual([])
    clock.advance(1)
    expect(named('dek.retired')).toMatchObject([{ reason: 'age', ageMs: 365 * DAY }])
    expect(named('dek.destroyed')).toHaveLength(1)
  })

  it('the age limit ends an idle key within an hour of waking up', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '24h', prefetch: 0 } } })
    await seal()
    clock.sleep(DAY)
    clock.advance(HOUR)
    expect(named('dek.destroyed')).toHaveLength(1)
  })

  it('the age limit holds for a grace as well', async () => {
    const { clock, kms, seal, named } = await owner({
      encrypt: { rotate: { maxAge: '1h', prefetch: 0, grace: '2h' } },
    })
    await seal()
    kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
    clock.advance(HOUR)
    await seal()
    clock.step(-DAY)
    clock.sleep(DAY + 2 * HOUR)
    expect(await thrownBy(() => seal())).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(named('dek.retired')).toMatchObject([{ reason: 'grace' }])
  })

  it('the age limit holds for a DEK that was prefetched and is not used in time', async () => {
    const { clock, seal, named } = await owner({ encrypt: { rotate: { maxAge: '24h', prefetch: '1h' } } })
    const before = await seal()
    clock.advance(DAY - 60_000)
    await settle()
    expect(named('dek.created')).toHaveLength(2)
    clock.sleep(2 * DAY)
    expect(perSession([...before, ...(await seal())])).toEqual([1, 1])
    expect(named('dek.created')).toHaveLength(3)
    expect(named('dek.retired').map(({ reason }) => reason)).toEqual(['age', 'age'])
  })
})
