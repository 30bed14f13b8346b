import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { LoginTokens } from '../../../src/kms/vault/auth/login-tokens.js'
import type { Logins } from '../../../src/kms/vault/auth/logins.js'
import type { Lease } from '../../../src/kms/vault/responses.js'
import { FakeClock } from '../../support/fake-clock.js'
import { signal } from './stub.js'

const HOUR = 3_600_000

/** A service whose tokens live as a test says. */
class FakeLogins implements Logins {
  readonly done: string[] = []
  leaseMs = HOUR
  renewable = true
  /** What renewals give, in order; then a full lease. */
  readonly renewals: (number | Error)[] = []
  failure: Error | undefined
  #logins = 0

  login(): Promise<Lease> {
    this.done.push('login')
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.#logins++
    return Promise.resolve({
      token: `token-${String(this.#logins)}`,
      leaseMs: this.leaseMs,
      renewable: this.renewable,
    })
  }

  renew(token: string): Promise<Lease> {
    this.done.push(`renew ${token}`)
    const leaseMs = this.renewals.shift() ?? this.leaseMs
    return leaseMs instanceof Error
      ? Promise.reject(leaseMs)
      : Promise.resolve({ token, leaseMs, renewable: true })
  }
}

function setup(): { logins: FakeLogins; clock: FakeClock; tokens: LoginTokens } {
  const logins = new FakeLogins()
  const clock = new FakeClock()
  return { logins, clock, tokens: new LoginTokens(logins, clock) }
}

/** Lets time pass in small steps, with turns in between for what the timers start. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let step = 0; step < 60; step++) {
    clock.advance(ms / 60)
    await turn()
  }
}

const denied = new EnvelopeError('KMS_DENIED', 'no')
const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')

describe('tokens from logins', () => {
  it('concurrent calls share one login, and later ones use its token', async () => {
    const { logins, tokens } = setup()
    expect(await Promise.all([1, 2, 3].map(() => tokens.get(signal)))).toEqual(Array(3).fill('token-1'))
    expect(await tokens.get(signal)).toBe('token-1')
    expect(logins.done).toEqual(['login'])
    tokens.close()
  })

  it('a token is renewed before it expires, for as long as the process runs, with and without calls', async () => {
    const { logins, clock, tokens } = setup()
    await tokens.get(signal)
    await pass(clock, 10 * HOUR)
    expect(new Set(logins.done.slice(1))).toEqual(new Set(['renew token-1']))
    expect(logins.done.length).toBeGreaterThan(12)
    expect(logins.done.length).toBeLessThan(20)
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('a long life is renewed in its last third, in steps that timers can take', async () => {
    const { logins, clock, tokens } = setup()
    logins.leaseMs = 768 * HOUR
    await tokens.get(signal)
    for (let hour = 0; hour < 511; hour++) await pass(clock, HOUR)
    expect(logins.done).toEqual(['login'])
    for (let hour = 0; hour < 3; hour++) await pass(clock, HOUR)
    expect(logins.done).toEqual(['login', 'renew token-1'])
    tokens.close()
  })

  it('when renewals end, it logs in before the token expires', async () => {
    const { logins, clock, tokens } = setup()
    logins.renewals.push(HOUR, HOUR / 4)
    await tokens.get(signal)
    await pass(clock, 1.5 * HOUR)
    expect(logins.done).toEqual(['login', 'renew token-1', 'renew token-1', 'login'])
    expect(await tokens.get(signal)).toBe('token-2')
    tokens.close()
  })

  it('a token that cannot be renewed is replaced by a login before it expires', async () => {
    const { logins, clock, tokens } = setup()
    logins.renewable = false
    await tokens.get(signal)
    await pass(clock, 0.8 * HOUR)
    expect(logins.done).toEqual(['login', 'login'])
    expect(await tokens.get(signal)).toBe('token-2')
    tokens.close()
  })

  it('a token stays in use until it expires if neither renewal nor login succeeds, and is then not used', async () => {
    const { logins, clock, tokens } = setup()
    await tokens.get(signal)
    logins.failure = away
    logins.renewals.push(...Array<Error>(100).fill(away))
    await pass(clock, 0.99 * HOUR)
    expect(await tokens.get(signal)).toBe('token-1')
    expect(logins.done.length).toBeGreaterThan(4)
    await pass(clock, 0.05 * HOUR)
    await expect(tokens.get(signal)).rejects.toBe(away)
    const made = logins.done.length
    expect(made).toBeLessThan(50)
    await pass(clock, HOUR)
    expect(logins.done).toHaveLength(made)
    logins.failure = undefined
    expect(await tokens.get(signal)).toBe('token-2')
    tokens.close()
  })

  it('a renewal that succeeds after an outage is kept', async () => {
    const { logins, clock, tokens } = setup()
    await tokens.get(signal)
    logins.failure = away
    logins.renewals.push(away)
    await pass(clock, 0.7 * HOUR)
    await pass(clock, HOUR)
    expect(logins.done.filter((each) => each === 'login')).toHaveLength(2)
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('a secret id that is good for one login is enough, until the longest life of the token', async () => {
    const { logins, clock, tokens } = setup()
    logins.renewals.push(HOUR, HOUR, HOUR / 4)
    await tokens.get(signal)
    logins.failure = denied
    await pass(clock, 2.2 * HOUR)
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('while the machine sleeps, the token ages', async () => {
    const { clock, tokens } = setup()
    await tokens.get(signal)
    clock.sleep(2 * HOUR)
    expect(await tokens.get(signal)).toBe('token-2')
    tokens.close()
  })

  it('a token that does not expire is kept, and no timer runs', async () => {
    const { logins, clock, tokens } = setup()
    logins.leaseMs = 0
    await tokens.get(signal)
    expect(clock.timers).toBe(0)
    clock.advance(10_000 * HOUR)
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('a refused token is replaced by one login that all calls share', async () => {
    const { logins, clock, tokens } = setup()
    await tokens.get(signal)
    clock.advance(60_000)
    const others = await Promise.all([1, 2, 3].map(() => tokens.instead('token-1', signal)))
    expect(others).toEqual(Array(3).fill('token-2'))
    expect(await tokens.instead('token-1', signal)).toBe('token-2')
    expect(logins.done).toEqual(['login', 'login'])
    tokens.close()
  })

  it('a fresh token that is refused is not replaced, so that denials do not flood the service with logins', async () => {
    const { logins, clock, tokens } = setup()
    await tokens.get(signal)
    for (let second = 0; second < 9; second++) {
      clock.advance(1000)
      expect(await tokens.instead('token-1', signal)).toBeUndefined()
    }
    clock.advance(1000)
    expect(await tokens.instead('token-1', signal)).toBe('token-2')
    expect(logins.done).toEqual(['login', 'login'])
    tokens.close()
  })

  it('a token that may have expired during the call is replaced however young it is', async () => {
    const { logins, clock, tokens } = setup()
    logins.leaseMs = 3000
    logins.renewable = false
    await tokens.get(signal)
    clock.advance(1900)
    expect(await tokens.instead('token-1', signal)).toBeUndefined()
    // Its lease ends in 1000 ms at the latest, and a service that counts whole seconds may end it now.
    clock.advance(100)
    expect(await tokens.instead('token-1', signal)).toBe('token-2')
    expect(logins.done).toEqual(['login', 'login'])
    tokens.close()
  })

  it('a refused login is not repeated at once, because Vault locks out those who are refused often', async () => {
    const { logins, clock, tokens } = setup()
    logins.failure = denied
    for (let ms = 0; ms < 60_000; ms += 100) {
      await expect(tokens.get(signal)).rejects.toBe(denied)
      clock.advance(100)
    }
    // After 1, 2, 4, 8, 16 and then every 30 seconds.
    expect(logins.done).toHaveLength(6)
    clock.advance(30_000)
    logins.failure = undefined
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('a login that failed transiently is repeated by the next call', async () => {
    const { logins, tokens } = setup()
    logins.failure = away
    await expect(tokens.get(signal)).rejects.toBe(away)
    logins.failure = undefined
    expect(await tokens.get(signal)).toBe('token-1')
    tokens.close()
  })

  it('a call that is cancelled does not end the login that others wait for', async () => {
    const { tokens } = setup()
    const own = new AbortController()
    const [cancelled, other] = [tokens.get(own.signal), tokens.get(signal)]
    own.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(await other).toBe('token-1')
    tokens.close()
  })

  it('close() leaves no timer behind', async () => {
    const { clock, tokens } = setup()
    await tokens.get(signal)
    expect(clock.timers).toBe(1)
    tokens.close()
    expect(clock.timers).toBe(0)
  })
})
