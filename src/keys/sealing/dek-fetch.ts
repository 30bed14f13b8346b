import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../../errors.js'
import { ageMeter, type Clock } from '../../clock.js'
import type { DekSource, SuppliedDek } from './dek-source.js'
import { MAX_PAUSE_MS, RetryPause } from './retry-pause.js'

/** Who wants DEKs: told of how each call ends, in this order of what may happen. */
export interface FetchListener {
  taken(made: SuppliedDek): void
  /** @throws `error`, unless the current DEK may go on sealing */
  failed(error: unknown, code: ErrorCode | undefined): void
  /**
   * The call was given up.
   * @returns whether those who waited for it need another
   * @throws EnvelopeError ENCRYPTION_CLOSED
   */
  givenUp(): boolean
  /** After all of these: no call is on its way, or a new one is. */
  settled(): void
}

/** The failure of a limit of our own. It tells nothing of the KMS, which was not asked, and in an outage hides it. */
export const OWN_BUDGET: ErrorCode = 'KMS_RATE_LIMITED'

/** What a KMS says, or does not say, in an outage. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'KMS_UNAVAILABLE',
  'KMS_THROTTLED',
  'KMS_TIMEOUT',
  'KMS_CREDENTIALS_UNAVAILABLE',
  'KMS_RESPONSE_INVALID',
])

/**
 * Fetches DEKs, one call at a time, which all who need one share. A failed call is not remembered, except that an
 * outage is known to be one until a call succeeds.
 */
export class DekFetch {
  readonly #source: DekSource
  readonly #clock: Clock
  readonly #taker: FetchListener
  readonly #pause: RetryPause
  #call: { readonly done: Promise<void>; readonly abort: AbortController } | undefined
  #waiters = 0
  #failure: ErrorCode | undefined
  /** What the KMS last said, where it was an outage. */
  #outage: { readonly code: ErrorCode; readonly ageMs: () => number } | undefined

  constructor(source: DekSource, clock: Clock, taker: FetchListener) {
    this.#source = source
    this.#clock = clock
    this.#taker = taker
    this.#pause = new RetryPause(clock)
  }

  get isUnderWay(): boolean {
    return this.#call !== undefined
  }

  /** What the last attempt failed with; undefined once one succeeded. */
  get failure(): ErrorCode | undefined {
    return this.#failure
  }

  /** What a recent attempt says of an outage that is still on. */
  get outage(): ErrorCode | undefined {
    const outage = this.#outage
    return outage !== undefined && outage.ageMs() <= MAX_PAUSE_MS ? outage.code : undefined
  }

  /** How much is left of the pause after a failure, for attempts that nobody waits for. */
  pausesMs(): number {
    return this.#pause.pausesMs()
  }

  /** In the background, unless the last attempt failed a moment ago. */
  soon(): void {
    if (this.isUnderWay || this.pausesMs() > 0) return
    // Whoever needs the DEK hears of a failure; until then it is an event.
    this.#shared().catch(() => undefined)
  }

  /** @throws EnvelopeError what the call fails with; KEY_WAIT_TIMEOUT, with `late` for its text */
  async wait(waitMs: number, late: string): Promise<void> {
    this.#waiters++
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new EnvelopeError('KEY_WAIT_TIMEOUT', late))
      }, waitMs)
    })
    try {
      await Promise.race([this.#shared(), tooLate])
    } finally {
      clearTimeout(timer)
      this.#waiters--
    }
  }

  /** Gives up what is on its way, after `before` has run: whoever is called back in it finds nothing to wait for. */
  giveUp(before: () => void): void {
    const call = this.#call
    this.#call = undefined
    before()
    call?.abort.abort()
  }

  #shared(): Promise<void> {
    if (this.#call === undefined) {
      const abort = new AbortController()
      const done = this.#once(abort.signal).finally(() => {
        if (this.#call?.abort === abort) this.#call = undefined
        this.#taker.settled()
      })
      // Every waiter may have left by the time it fails.
      done.catch(() => undefined)
      this.#call = { done, abort }
    }
    return this.#call.done
  }

  async #once(signal: AbortSignal): Promise<void> {
    try {
      const made = await this.#source.next(signal)
      if (signal.aborted) {
        made.dek.destroy()
        throw signal.reason as Error
      }
      this.#failure = undefined
      this.#outage = undefined
      this.#pause.succeeded()
      this.#taker.taken(made)
    } catch (error) {
      if (signal.aborted) {
        // The DEK was forgotten or rotated while it was on its way: whoever waits gets the next one.
        if (this.#taker.givenUp() && this.#waiters > 0) await this.#shared()
        return
      }
      const code = isEnvelopeError(error) ? error.code : undefined
      this.#pause.failed()
      this.#failed(code)
      this.#taker.failed(error, code)
    }
  }

  #failed(code: ErrorCode | undefined): void {
    this.#failure = code
    if (code === OWN_BUDGET) return
    const isOutage = code !== undefined && OUTAGES.has(code)
    this.#outage = isOutage ? { code, ageMs: ageMeter(this.#clock) } : undefined
  }
}
