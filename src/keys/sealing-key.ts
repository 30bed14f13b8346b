import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { EventHub, Limit, RetireReason } from '../events.js'
import { CAPS, fit, isPast, limitReached, prefetchPoint, type RotationPolicy } from '../policy/rotation.js'
import { ageMeter, MAX_TIMER_STEP_MS, type Clock } from './clock.js'
import type { DekSource, SealingScope, SourcedDek } from './dek-source.js'
import { Grace } from './grace.js'
import { RetryPause } from './retry-pause.js'
import { SealingSession, type Grant } from './sealing-session.js'

/** What `health()` tells of a sealing key. */
export interface SealingState {
  readonly rule: string
  readonly topic?: string
  /**
   * `empty`: no DEK yet, or the last one ended and nobody needed another. `grace`: the DEK is past a limit and goes
   * on, because the KMS fails for now.
   */
  readonly state: 'empty' | 'fetching' | 'ready' | 'grace'
  readonly sessionId?: string
  readonly messages?: number
  readonly bytes?: number
  readonly ageMs?: number
  /** Until `maxAge` at the latest; 0 in a grace. */
  readonly rotatesInMs?: number
  /** Whether the next DEK is there already. */
  readonly nextReady?: boolean
  readonly grace?: { readonly limit: Limit; readonly code: ErrorCode; readonly leftMs: number }
}

/** A session and when its successor is wanted. */
interface Current {
  readonly session: SealingSession
  readonly wanted: ReturnType<typeof prefetchPoint>
}

/** What the KMS says when it wants nothing more to be sealed here. */
const DENIALS: ReadonlySet<ErrorCode> = new Set(['KMS_DENIED', 'CMK_DISABLED', 'CMK_NOT_FOUND'])

/**
 * The current DEK of one scope, and the next where it is there already. Grants are taken synchronously while one
 * lasts; at a limit, concurrent callers share the one KMS call that fetches the next. A failed call is not remembered,
 * except that an outage is known to be one until a call succeeds.
 *
 *   current ── limit ──► next, if it was prefetched
 *                   ├──► none: callers wait for the call that fetches one
 *                   └──► due, where the rule grants a grace: kept, without grants, until that call has ended
 *   due ── call succeeds ──► the new one      due ── fails for now ──► grace      due ── fails ──► none
 *   grace ── call succeeds ──► the new one    grace ── is over, or denial ──► none
 */
export class SealingKey {
  readonly #scope: SealingScope
  readonly #source: DekSource
  readonly #clock: Clock
  readonly #events: EventHub
  readonly #retry: RetryPause
  #current: Current | undefined
  #next: Current | undefined
  /** Set while the current DEK is past a limit and kept all the same. */
  #due: Limit | undefined
  #grace: Grace | undefined
  /** What the last call failed with, if that was transient. */
  #outage: ErrorCode | undefined
  #fetching: { readonly done: Promise<void>; readonly abort: AbortController } | undefined
  #cancelTimer: (() => void) | undefined
  #exhausted = false
  #closed = false

  constructor(scope: SealingScope, source: DekSource, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#source = source
    this.#clock = clock
    this.#events = events
    this.#retry = new RetryPause(clock)
  }

  /** @throws EnvelopeError DEK_LIMIT_TOO_SMALL where a record of `bytes` exceeds what a fresh DEK may seal */
  admit(bytes: number): void {
    const { rule, encrypt } = this.#scope
    if (bytes <= encrypt.rotate.maxBytes) return
    throw new EnvelopeError(
      'DEK_LIMIT_TOO_SMALL',
      `a record of ${String(bytes)} bytes exceeds what one DEK of rule ${rule} may seal, ${String(encrypt.rotate.maxBytes)} bytes`,
    )
  }

  /**
   * Reserves as many of the records from `from` on as the current DEK may seal, at least one; undefined
   * where the next DEK must be awaited first.
   *
   * @param sizes bytes of body of each record
   * @throws EnvelopeError ENCRYPTION_CLOSED
   */
  reserve(sizes: readonly number[], from: number): Grant | undefined {
    this.#checkOpen()
    for (;;) {
      this.#tick()
      const current = this.#current
      if (current === undefined || this.#isWaiting()) return undefined
      const { session } = current
      const policy = this.#policy()
      const fitting = fit(policy, session.usage, sizes, from)
      if (fitting.messages === 0) {
        this.#atLimit(fitting.stoppedBy ?? 'messages')
        continue
      }
      const grant = session.reserve(fitting)
      this.#grace?.count(fitting)
      // What is used up goes at once: its end does not wait for the next send.
      const usedUp = limitReached(policy, session.usage, 0) ?? fitting.stoppedBy
      if (usedUp !== undefined) this.#atLimit(usedUp)
      this.#prefetch()
      return grant
    }
  }

  /**
   * Resolves when a DEK is there, or was for a moment: callers take turns by trying again.
   * @throws EnvelopeError what the KMS call failed with, KEY_WAIT_TIMEOUT, DEK_EXHAUSTED, or ENCRYPTION_CLOSED
   */
  async ready(waitMs: number): Promise<void> {
    this.#checkOpen()
    this.#tick()
    if (this.#current !== undefined && !this.#isWaiting()) return
    const waited = ageMeter(this.#clock)
    const report = (outcome: { outcome: 'ok' } | { outcome: 'failed'; code?: ErrorCode }): void => {
      this.#events.emit('dek.waited', { ...this.#names(), waitedMs: waited(), ...outcome })
    }
    try {
      await this.#within(waitMs, this.#fetch())
      report({ outcome: 'ok' })
    } catch (error) {
      report({ outcome: 'failed', ...(isEnvelopeError(error) ? { code: error.code } : {}) })
      throw error
    }
  }

  /** Ends the current DEK, also one that is being fetched; fetches the next if there was one. */
  async rotate(): Promise<void> {
    this.#checkOpen()
    const inUse = this.#current !== undefined || this.#fetching !== undefined
    this.#end('manual')
    if (inUse) await this.ready(this.#scope.encrypt.keyWaitMs)
  }

  /** Drops everything that came from a CMK. Whoever waits gets a DEK that was made after this. */
  forget(cmkId: string): void {
    if (this.#scope.cmks.some(({ id }) => id === cmkId)) this.#end('forgotten')
  }

  /** At once; resolves when what a store is to keep is there. */
  close(): Promise<void> {
    this.#closed = true
    this.#end('closed')
    return this.#source.settled()
  }

  state(): SealingState {
    const session = this.#current?.session
    return {
      ...this.#names(),
      state: this.#grace ? 'grace' : session ? 'ready' : this.#fetching ? 'fetching' : 'empty',
      ...(session
        ? {
            sessionId: session.id.toString('hex'),
            ...session.usage,
            ageMs: session.ageMs(),
            rotatesInMs: Math.max(0, this.#scope.encrypt.rotate.maxAgeMs - session.ageMs()),
            nextReady: this.#next !== undefined,
          }
        : {}),
      ...(this.#grace ? { grace: this.#grace.state() } : {}),
    }
  }

  /** Whether the current DEK has reached a limit and may not go on, at least not yet. */
  #isWaiting(): boolean {
    return this.#due !== undefined && this.#grace === undefined
  }

  #policy(): RotationPolicy {
    return this.#grace ? CAPS : this.#scope.encrypt.rotate
  }

  /** What time alone brings about. */
  #tick(): void {
    if (this.#next && this.#isTooOld(this.#next.session)) this.#drop('next', 'age')
    const session = this.#current?.session
    if (session === undefined) return
    if (this.#grace?.isOver() === true) this.#drop('current', 'grace')
    else if (this.#due === undefined && this.#isTooOld(session)) this.#atLimit('age')
    else this.#prefetch()
  }

  #isTooOld(session: SealingSession): boolean {
    return session.ageMs() >= this.#scope.encrypt.rotate.maxAgeMs
  }

  /** The current DEK has reached a limit: the next takes over, or it is kept for a grace, or it ends. */
  #atLimit(limit: Limit): void {
    const used = (this.#current?.session.usage.messages ?? 0) > 0
    if (this.#grace !== undefined || !this.#source.renews) this.#exhausted = !this.#source.renews
    else if (this.#next !== undefined) {
      const next = this.#next
      this.#next = undefined
      this.#drop('current', limit)
      this.#current = next
      this.#arm()
      return
    } else if (used && this.#scope.encrypt.graceMs > 0) {
      this.#due = limit
      if (this.#outage !== undefined) this.#enterGrace(this.#outage)
      this.#fetchSoon()
      return
    }
    this.#drop('current', limit)
    // Where count or bytes ended it more sends are to be expected; where age did, nobody may be there.
    if (limit !== 'age' && used && this.#scope.encrypt.prefetchMs > 0) this.#fetchSoon()
  }

  #prefetch(): void {
    const { encrypt } = this.#scope
    const current = this.#current
    if (current === undefined || this.#next !== undefined) return
    const { session, wanted } = current
    const isWanted =
      this.#due !== undefined ||
      (encrypt.prefetchMs > 0 && session.usage.messages > 0 && isPast(wanted, session.usage, session.ageMs()))
    if (isWanted) this.#fetchSoon()
  }

  /** Fetches in the background, unless the last attempt failed a moment ago. */
  #fetchSoon(): void {
    if (this.#closed || !this.#source.renews || this.#fetching !== undefined || this.#retry.pausesMs() > 0)
      return
    // Whoever needs the DEK hears of a failure; until then it is an event.
    this.#fetch().catch(() => undefined)
  }

  #fetch(): Promise<void> {
    if (this.#fetching === undefined) {
      const abort = new AbortController()
      const done = this.#create(abort.signal).finally(() => {
        if (this.#fetching?.abort === abort) this.#fetching = undefined
        this.#arm()
      })
      // Every waiter may have given up by the time it fails.
      done.catch(() => undefined)
      this.#fetching = { done, abort }
    }
    return this.#fetching.done
  }

  async #create(signal: AbortSignal): Promise<void> {
    try {
      if (this.#exhausted) {
        throw new EnvelopeError(
          'DEK_EXHAUSTED',
          `the provisioned DEK of rule ${this.#scope.rule} has reached a limit`,
        )
      }
      const made = await this.#source.next(signal)
      if (signal.aborted) {
        made.dek.destroy()
        throw signal.reason as Error
      }
      this.#outage = undefined
      this.#retry.succeeded()
      this.#open(made)
    } catch (error) {
      if (!signal.aborted) {
        this.#failed(error)
        return
      }
      this.#checkOpen()
      // The DEK was forgotten or rotated while it was on its way: whoever waits gets the next one.
      if (this.#current === undefined) await this.#fetch()
    }
  }

  /** @throws `error`, unless the policy grants a grace for it */
  #failed(error: unknown): void {
    const { code, kind } = isEnvelopeError(error) ? error : { code: undefined, kind: undefined }
    this.#retry.failed()
    this.#outage = kind === 'transient' ? code : undefined
    if (code !== undefined && DENIALS.has(code)) this.#revoke('denied')
    else if (this.#due !== undefined && this.#current !== undefined) {
      if (this.#grace !== undefined) return
      if (this.#outage !== undefined) {
        this.#enterGrace(this.#outage)
        return
      }
      this.#drop('current', this.#due)
    }
    throw error as Error
  }

  #enterGrace(code: ErrorCode): void {
    const session = this.#current?.session
    const limit = this.#due
    if (session === undefined || limit === undefined) return
    const { graceMs } = this.#scope.encrypt
    this.#grace = new Grace({ limit, code, graceMs, clock: this.#clock })
    this.#arm()
    this.#events.emit('dek.grace', {
      ...this.#names(),
      sessionId: session.id.toString('hex'),
      limit,
      code,
      graceMs,
    })
  }

  #open({ origin, ageMs, ...made }: SourcedDek): void {
    const { cmks, encrypt } = this.#scope
    const session = new SealingSession(made, ageMs, () => {
      this.#events.emit('dek.destroyed', { side: 'sealing', cmkId: cmks[0].id })
    })
    const opened = { session, wanted: prefetchPoint(encrypt.rotate, encrypt.prefetchMs, Math.random()) }
    if (this.#current !== undefined && this.#due === undefined) this.#next = opened
    else {
      if (this.#current !== undefined) this.#drop('current', this.#grace ? 'replaced' : (this.#due ?? 'age'))
      this.#current = opened
    }
    this.#arm()
    this.#events.emit('dek.created', {
      ...this.#names(),
      cmkIds: cmks.map(({ id }) => id),
      sessionId: session.id.toString('hex'),
      origin,
    })
  }

  /** An idle key ends with its age too, and the next is fetched in time, without a send to notice. */
  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const current = this.#current
    if (current === undefined || this.#closed) return
    const { rotate, prefetchMs } = this.#scope.encrypt
    const restMs = [
      this.#grace ? this.#grace.leftMs() : rotate.maxAgeMs - current.session.ageMs(),
      ...(this.#next ? [rotate.maxAgeMs - this.#next.session.ageMs()] : []),
      // With a pause after a failure, and never sooner than that.
      ...(this.#next || this.#fetching
        ? []
        : this.#due !== undefined
          ? [this.#retry.pausesMs()]
          : prefetchMs > 0
            ? [Math.max(current.wanted.ageMs - current.session.ageMs(), this.#retry.pausesMs())]
            : []),
    ].filter((ms) => ms > 0)
    this.#cancelTimer = this.#clock.schedule(
      () => {
        this.#tick()
        this.#arm()
      },
      Math.min(Math.max(Math.min(...restMs, MAX_TIMER_STEP_MS), 1), MAX_TIMER_STEP_MS),
    )
  }

  #end(reason: RetireReason): void {
    const fetching = this.#fetching
    this.#fetching = undefined
    if (reason === 'closed') this.#dropAll(reason)
    else this.#revoke(reason)
    fetching?.abort.abort()
  }

  #revoke(reason: RetireReason): void {
    this.#source.revoke()
    this.#dropAll(reason)
  }

  #dropAll(reason: RetireReason): void {
    this.#drop('next', reason)
    this.#drop('current', reason)
  }

  #drop(which: 'current' | 'next', reason: RetireReason): void {
    const session = (which === 'current' ? this.#current : this.#next)?.session
    if (session === undefined) return
    const grace = which === 'current' ? this.#grace?.use() : undefined
    if (which === 'next') this.#next = undefined
    else {
      this.#current = undefined
      this.#due = undefined
      this.#grace = undefined
      this.#cancelTimer?.()
      this.#cancelTimer = undefined
    }
    this.#events.emit('dek.retired', {
      ...this.#names(),
      sessionId: session.id.toString('hex'),
      reason,
      ...session.usage,
      ageMs: session.ageMs(),
      ...(grace === undefined ? {} : { grace }),
    })
    session.retire()
  }

  #names(): { rule: string; topic?: string } {
    const { rule, topic } = this.#scope
    return topic === undefined ? { rule } : { rule, topic }
  }

  #checkOpen(): void {
    if (this.#closed) throw new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
  }

  #within(waitMs: number, fetched: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new EnvelopeError(
            'KEY_WAIT_TIMEOUT',
            `no DEK for rule ${this.#scope.rule} within ${String(Math.round(waitMs))} ms`,
          ),
        )
      }, waitMs)
      fetched.then(resolve, reject).finally(() => {
        clearTimeout(timer)
      })
    })
  }
}
