import { Backoff } from '../../../backoff.js'
import { raceAbort, withoutListenerLimit } from '../../../cancellation.js'
import { ageMeter, MAX_TIMER_STEP_MS, stopwatch, type Clock } from '../../../clock.js'
import { EnvelopeError, isEnvelopeError } from '../../../errors.js'
import type { Lease } from '../responses.js'
import type { Logins } from './logins.js'
import type { Tokens } from './tokens.js'

/** The share of its life after which a token is renewed. */
const RENEW_AT = 2 / 3
/** A renewal that gives less than this share of a full life means that the longest life of the token is near. */
const ENDING = 1 / 2
/** A token that is younger than this, and has not expired, is not replaced when it is refused: a login does not help. */
const FRESH_MS = 10_000
/** Leases are in whole seconds, so a token may expire up to a second before its lease ends. */
const LEASE_STEP_MS = 1000
const MIN_PAUSE_MS = 1000
const MAX_PAUSE_MS = 30_000

interface Held extends Lease {
  /** Since before the lease was asked for, so never less than its age at the service. */
  readonly ageMs: () => number
}

interface Session extends Held {
  readonly sinceLoginMs: () => number
  readonly fullLeaseMs: number
}

/**
 * A token from a login. Concurrent calls share one login. After a refused one, the next is made after a pause, because
 * Vault locks out identities that are refused often. From the first login on, a timer renews the token before it expires, also
 * while no call is made: a secret id may be good for one login only. When renewals end, it logs in again.
 */
export class LoginTokens implements Tokens {
  readonly #logins: Logins
  readonly #clock: Clock
  readonly #elapsedMs: () => number
  readonly #backoff = new Backoff({ firstMs: MIN_PAUSE_MS, maxMs: MAX_PAUSE_MS })
  readonly #closed = new AbortController()
  #session: Session | undefined
  #loggingIn: Promise<string> | undefined
  #failure: { readonly error: unknown; readonly untilMs: number } | undefined
  #cancelTimer = (): void => undefined

  constructor(logins: Logins, clock: Clock) {
    this.#logins = logins
    this.#clock = clock
    this.#elapsedMs = stopwatch(clock)
    withoutListenerLimit(this.#closed.signal)
  }

  async get(signal: AbortSignal): Promise<string> {
    const session = this.#session
    if (session !== undefined && restMs(session) > 0) return session.token
    return raceAbort(this.#login(), signal)
  }

  async instead(refused: string, signal: AbortSignal): Promise<string | undefined> {
    const session = this.#session
    if (session !== undefined && session.token !== refused) return session.token
    if (session !== undefined && session.sinceLoginMs() < FRESH_MS && restMs(session) > LEASE_STEP_MS)
      return undefined
    const token = await raceAbort(this.#login(), signal)
    return token === refused ? undefined : token
  }

  close(): void {
    this.#closed.abort(new EnvelopeError('ENCRYPTION_CLOSED', 'this KMS client was closed'))
    this.#cancelTimer()
  }

  #login(): Promise<string> {
    this.#loggingIn ??= this.#loginOnce().finally(() => {
      this.#loggingIn = undefined
    })
    return this.#loggingIn
  }

  async #loginOnce(): Promise<string> {
    if (this.#failure !== undefined && this.#elapsedMs() < this.#failure.untilMs) throw this.#failure.error
    const ageMs = ageMeter(this.#clock)
    try {
      const lease = await this.#logins.login(this.#closed.signal)
      this.#backoff.reset()
      this.#failure = undefined
      this.#hold({ ...lease, ageMs, sinceLoginMs: ageMs, fullLeaseMs: lease.leaseMs })
      return lease.token
    } catch (error) {
      if (!isEnvelopeError(error) || !error.retriable)
        this.#failure = { error, untilMs: this.#elapsedMs() + this.#backoff.next() }
      throw error
    }
  }

  #hold(session: Session): void {
    if (this.#closed.signal.aborted) return
    this.#session = session
    this.#cancelTimer()
    if (session.leaseMs > 0) this.#schedule(session, session.leaseMs * RENEW_AT - session.ageMs())
  }

  #schedule(session: Session, ms: number): void {
    this.#cancelTimer = this.#clock.schedule(
      () => {
        if (session === this.#session) void this.#keepAlive(session)
      },
      Math.min(Math.max(ms, MIN_PAUSE_MS), MAX_TIMER_STEP_MS),
    )
  }

  /** Never rejects: a failure is repeated until the token expires; then the next call reports it. */
  async #keepAlive(session: Session): Promise<void> {
    const earlyMs = session.leaseMs * RENEW_AT - session.ageMs()
    if (earlyMs > 0) {
      this.#schedule(session, earlyMs)
      return
    }
    const renewed = session.renewable ? await this.#renewed(session) : undefined
    const isEnding = renewed === undefined || renewed.leaseMs < session.fullLeaseMs * ENDING
    if (isEnding && (await this.#loggedIn())) return
    // Another call may have logged in meanwhile.
    if (this.#closed.signal.aborted || session !== this.#session) return
    if (renewed !== undefined && renewed.leaseMs > 0) this.#hold({ ...session, ...renewed })
    else if (restMs(session) > 0) this.#schedule(session, restMs(session) / 2)
  }

  async #renewed(session: Session): Promise<Held | undefined> {
    const ageMs = ageMeter(this.#clock)
    try {
      return { ...(await this.#logins.renew(session.token, this.#closed.signal)), ageMs }
    } catch {
      // A login follows, and reports its own failure.
      return undefined
    }
  }

  async #loggedIn(): Promise<boolean> {
    return this.#login().then(
      () => true,
      () => false,
    )
  }
}

function restMs({ leaseMs, ageMs }: Held): number {
  return leaseMs === 0 ? Infinity : leaseMs - ageMs()
}
