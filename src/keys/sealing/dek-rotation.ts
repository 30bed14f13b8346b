import { EnvelopeError, type ErrorCode } from '../../errors.js'
import type { DekOrigin, EventHub, Limit, RetireReason } from '../../events.js'
import { isDenial } from '../../kms/cmk-failures.js'
import { CAPS, fit, isPast, limitReached, prefetchPoint, type RotationPolicy } from '../../policy/rotation.js'
import { MAX_TIMER_STEP_MS, type Clock } from '../../clock.js'
import { DekFetch, OWN_BUDGET } from './dek-fetch.js'
import type { DekSource, SealingScope, SuppliedDek } from './dek-source.js'
import { Grace } from './grace.js'
import { SealingEvents } from './sealing-events.js'
import { SealingSession, type Grant } from './sealing-session.js'
import type { SealingState } from './sealing-state.js'

/** A session and when its successor is wanted. */
interface Slot {
  readonly session: SealingSession
  readonly wanted: ReturnType<typeof prefetchPoint>
}

/**
 * The current DEK of one scope, and the next where it is there already. Grants are taken synchronously while one
 * lasts; at a limit, concurrent callers share the one KMS call that fetches the next.
 *
 *   current ── limit ──► next, if it was prefetched
 *                   ├──► none: callers wait for the call that fetches one
 *                   └──► due, where the rule grants a grace: kept, without grants, until a call has told
 *   due ── call succeeds ──► the new one      due ── outage ──► grace      due ── is over, or fails for good ──► none
 *   grace ── call succeeds ──► the new one    grace ── is over, or denial ──► none
 */
export class DekRotation {
  readonly #scope: SealingScope
  readonly #source: DekSource
  readonly #clock: Clock
  readonly #events: SealingEvents
  readonly #fetch: DekFetch
  #current: Slot | undefined
  #next: Slot | undefined
  /** Set while the current DEK is past a limit and kept all the same. */
  #due: Grace | undefined
  #cancelTimer: (() => void) | undefined
  #closed = false

  constructor(scope: SealingScope, source: DekSource, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#source = source
    this.#clock = clock
    this.#events = new SealingEvents(scope, events)
    this.#fetch = new DekFetch(source, clock, {
      taken: (made) => {
        this.#open(made)
      },
      failed: (error, code) => {
        this.#failed(error, code)
      },
      givenUp: () => {
        this.#checkOpen()
        return this.#current === undefined
      },
      settled: () => {
        this.#arm()
      },
    })
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
    for (;;) {
      // Again after each turn: who listens to an event may have closed or forgotten meanwhile.
      this.#checkOpen()
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
      this.#due?.count(fitting)
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
    const { rule, encrypt } = this.#scope
    await this.#fetch.wait(waitMs, `no DEK for rule ${rule} within ${String(encrypt.dekTimeoutMs)} ms`)
  }

  /** To be told once for each send that waited. */
  waited(waitedMs: number, outcome: 'ok' | 'failed', code?: ErrorCode): void {
    this.#events.waited(waitedMs, outcome, code)
  }

  /** Ends the current DEK, also one that is being fetched; fetches the next if there was one. */
  async rotate(): Promise<void> {
    this.#checkOpen()
    const inUse = this.#current !== undefined || this.#fetch.isUnderWay
    this.#end('manual')
    if (inUse) await this.ready(this.#scope.encrypt.dekTimeoutMs)
  }

  /** Drops everything that came from a CMK. Whoever waits gets a DEK that was made after this. */
  evict(cmkId: string): void {
    if (this.#scope.cmks.includes(cmkId)) this.#end('forgotten')
  }

  /** Takes no DEK that was made before now, wherever it comes from. */
  startAnew(): void {
    this.#source.revoke()
  }

  /** At once; resolves when what a store is to keep is there. */
  close(): Promise<void> {
    this.#closed = true
    this.#end('closed')
    return this.#source.settled()
  }

  state(): SealingState {
    const session = this.#current?.session
    const grace = this.#due?.state()
    const { failure } = this.#fetch
    const isFetching = session === undefined ? this.#fetch.isUnderWay : this.#isWaiting()
    const { maxAgeMs } = this.#scope.encrypt.rotate
    return {
      ...this.#events.names,
      state: grace ? 'grace' : isFetching ? 'fetching' : session ? 'ready' : 'empty',
      ...(session
        ? {
            sessionId: session.id.toString('hex'),
            ...session.usage,
            ageMs: session.ageMs(),
            rotatesInMs: grace ? 0 : Math.max(0, maxAgeMs - session.ageMs()),
            nextReady: this.#next !== undefined,
          }
        : {}),
      ...(failure === undefined ? {} : { failure }),
      ...(grace ? { grace } : {}),
    }
  }

  /** Whether the current DEK has reached a limit and may not go on, at least not yet. */
  #isWaiting(): boolean {
    return this.#due?.isGranted === false
  }

  #policy(): RotationPolicy {
    return this.#due ? CAPS : this.#scope.encrypt.rotate
  }

  /** What time alone brings about. */
  #tick(): void {
    if (this.#next && this.#isTooOld(this.#next.session)) this.#dropNext('age')
    const session = this.#current?.session
    if (session === undefined) return
    if (this.#due?.isOver() === true) this.#dropCurrent(endOf(this.#due))
    else if (this.#due === undefined && this.#isTooOld(session)) this.#atLimit('age')
    else this.#prefetch()
  }

  #isTooOld(session: SealingSession): boolean {
    return session.ageMs() >= this.#scope.encrypt.rotate.maxAgeMs
  }

  /** The current DEK has reached a limit: the next takes over, or it is kept for a grace, or it ends. */
  #atLimit(limit: Limit): void {
    const { graceMs, prefetchMs } = this.#scope.encrypt
    const used = (this.#current?.session.usage.messages ?? 0) > 0
    this.#source.exhausted()
    if (this.#next !== undefined) {
      const next = this.#next
      this.#next = undefined
      this.#dropCurrent(limit, next)
      return
    }
    if (this.#due === undefined && used && graceMs > 0) {
      this.#due = new Grace(limit, graceMs, this.#clock)
      const { outage } = this.#fetch
      if (outage !== undefined) this.#enterGrace(this.#due, outage)
      this.#fetchSoon()
      return
    }
    this.#dropCurrent(limit)
    // Where count or bytes ended it more sends are to be expected; where age did, nobody may be there.
    if (limit !== 'age' && used && prefetchMs > 0) this.#fetchSoon()
  }

  #prefetch(): void {
    if (this.#next === undefined && this.#isNextWanted()) this.#fetchSoon()
  }

  #isNextWanted(): boolean {
    if (this.#current === undefined) return false
    const { session, wanted } = this.#current
    return (
      this.#due !== undefined ||
      (this.#scope.encrypt.prefetchMs > 0 &&
        session.usage.messages > 0 &&
        isPast(wanted, session.usage, session.ageMs()))
    )
  }

  #fetchSoon(): void {
    if (!this.#closed) this.#fetch.soon()
  }

  /** @throws `error`, unless the policy grants a grace for it */
  #failed(error: unknown, code: ErrorCode | undefined): void {
    const due = this.#due
    if (isDenial(error)) {
      if (this.#current !== undefined) this.#revoke('denied')
    } else if (due !== undefined) {
      const { outage } = this.#fetch
      if (outage !== undefined) {
        if (!due.isGranted) this.#enterGrace(due, outage)
        return
      }
      // What was not asked ends no grace and no hope of one: the next answer does.
      if (code !== OWN_BUDGET) this.#dropCurrent(endOf(due))
    }
    throw error as Error
  }

  #enterGrace(due: Grace, outage: ErrorCode): void {
    const session = this.#current?.session
    if (session === undefined) return
    due.grant(outage)
    this.#arm()
    const { graceMs } = this.#scope.encrypt
    this.#events.grace(session, { limit: due.limit, code: outage, graceMs })
  }

  #open({ origin, ageMs, ...made }: SuppliedDek): void {
    const { rotate, prefetchMs } = this.#scope.encrypt
    const session = new SealingSession(made, ageMs, () => {
      this.#events.destroyed()
    })
    const opened = { session, wanted: prefetchPoint(rotate, prefetchMs, Math.random()) }
    if (this.#current === undefined) this.#current = opened
    else if (this.#due === undefined) this.#next = opened
    else {
      this.#dropCurrent(this.#due.isGranted ? 'replaced' : this.#due.limit, opened, origin)
      return
    }
    this.#arm()
    this.#events.created(session, origin)
  }

  /** An idle key ends with its age too, and the next is fetched in time, without a send to notice. */
  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const current = this.#current
    if (current === undefined || this.#closed) return
    const { rotate } = this.#scope.encrypt
    const ageMs = current.session.ageMs()
    const restMs = [
      MAX_TIMER_STEP_MS,
      this.#due ? this.#due.leftMs() : rotate.maxAgeMs - ageMs,
      ...(this.#next ? [rotate.maxAgeMs - this.#next.session.ageMs()] : []),
      ...(this.#next || this.#fetch.isUnderWay ? [] : this.#prefetchIn(current, ageMs)),
    ]
    this.#cancelTimer = this.#clock.schedule(
      () => {
        this.#tick()
        this.#arm()
      },
      Math.max(1, Math.min(...restMs)),
    )
  }

  /** When to look at prefetching again: at its age, or after the pause that follows a failure. */
  #prefetchIn({ wanted }: Slot, ageMs: number): number[] {
    if (this.#isNextWanted()) return [this.#fetch.pausesMs()]
    const isAhead = this.#scope.encrypt.prefetchMs > 0 && ageMs < wanted.ageMs
    return isAhead ? [wanted.ageMs - ageMs] : []
  }

  #end(reason: RetireReason): void {
    this.#fetch.giveUp(() => {
      if (reason === 'closed') this.#dropAll(reason)
      else this.#revoke(reason)
    })
  }

  #revoke(reason: RetireReason): void {
    this.#source.revoke()
    this.#dropAll(reason)
  }

  #dropAll(reason: RetireReason): void {
    this.#dropNext(reason)
    this.#dropCurrent(reason)
  }

  #dropNext(reason: RetireReason): void {
    const session = this.#next?.session
    this.#next = undefined
    if (session === undefined) return
    session.retire()
    this.#events.retired(session, reason, undefined)
  }

  /**
   * Ends the current DEK, and puts another in its place where there is one. Events come last: who listens may call
   * back, and must find things as they are.
   * @param origin of the successor, where nobody has been told of it yet
   */
  #dropCurrent(reason: RetireReason, successor?: Slot, origin?: DekOrigin): void {
    const session = this.#current?.session
    const grace = this.#due?.use()
    this.#current = successor
    this.#due = undefined
    this.#arm()
    if (successor !== undefined && origin !== undefined) this.#events.created(successor.session, origin)
    if (session === undefined) return
    session.retire()
    this.#events.retired(session, reason, grace)
  }

  #checkOpen(): void {
    if (this.#closed) throw new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
  }
}

/** Why a DEK ends that was kept past a limit, and that no other follows. */
function endOf(due: Grace): RetireReason {
  return due.isGranted ? 'grace' : due.limit
}
