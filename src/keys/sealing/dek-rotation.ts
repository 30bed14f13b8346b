import { EnvelopeError, type ErrorCode } from '../../errors.js'
import type { EventHub } from '../../events.js'
import { instants, MAX_TIMER_STEP_MS, type Clock } from '../../clock.js'
import type { Instant } from '../../clock.js'
import type { RotationEffect, RotationEvent } from '../../policy/rotation-events.js'
import { canSeal, INITIAL, type RotationState } from '../../policy/rotation-state.js'
import { step } from '../../policy/rotation-step.js'
import type { DekSupplier, SealingScope } from './dek-supplier.js'
import { fetchFailure } from './fetch-failure.js'
import { SealingEvents } from './sealing-events.js'
import { SealingSession, type Grant } from './sealing-session.js'
import { sealingState, type SealingState } from './sealing-state.js'
import { Waiters } from './waiters.js'

/**
 * The DEKs of one scope in use. `policy/rotation-step.ts` decides about them; this class keeps its state and runs its
 * effects. While a DEK may seal, grants are given synchronously. Otherwise callers share the call that fetches the next
 * DEK.
 */
export class DekRotation {
  readonly #scope: SealingScope
  readonly #supplier: DekSupplier
  readonly #clock: Clock
  readonly #events: SealingEvents
  readonly #now: () => Instant
  #state: RotationState = INITIAL
  /** By the number that their DEK has in the state. */
  readonly #sessions = new Map<number, SealingSession>()
  readonly #calls = new Map<number, AbortController>()
  readonly #waiters: Waiters
  #cancelTimer: (() => void) | undefined
  readonly #effects: RotationEffect[] = []
  #isRunning = false

  constructor(scope: SealingScope, supplier: DekSupplier, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#supplier = supplier
    this.#clock = clock
    this.#events = new SealingEvents(scope, events)
    this.#now = instants(clock)
    this.#waiters = new Waiters(clock)
  }

  /**
   * Reserves as many of the records from `from` on as the current DEK may seal, at least one. Returns undefined if the
   * caller must first wait for the next DEK.
   *
   * @param sizes bytes of body of each record; at most `rotate.maxBytes` each, since no DEK ever seals a larger one
   * @throws EnvelopeError ENCRYPTION_CLOSED
   */
  reserve(sizes: readonly number[], from: number): Grant | undefined {
    do {
      this.#checkOpen()
      const grant = this.#on({ type: 'use', sizes, from })
      if (grant !== undefined) return grant
    } while (canSeal(this.#state))
    return undefined
  }

  /**
   * Resolves when a DEK may seal. Another caller may use it up first, so try `reserve` again.
   * @throws EnvelopeError the failure of the call for a DEK, KEY_WAIT_TIMEOUT, DEK_EXHAUSTED, or ENCRYPTION_CLOSED
   */
  async ready(waitMs: number): Promise<void> {
    do {
      this.#checkOpen()
      this.#on({ type: 'wait' })
      if (canSeal(this.#state)) return
      // A listener may have ended the call that this started.
    } while (this.#state.call === undefined)
    const { rule, encrypt } = this.#scope
    await this.#waiters.wait(waitMs, `no DEK for rule ${rule} within ${String(encrypt.dekTimeoutMs)} ms`)
  }

  /** Call it once for each send that waited. */
  waited(waitedMs: number, outcome: 'ok' | 'failed', code?: ErrorCode): void {
    this.#events.waited(waitedMs, outcome, code)
  }

  /** Ends the current DEK, and one that is being fetched. Fetches the next one if there was a DEK. */
  async rotate(): Promise<void> {
    this.#checkOpen()
    const isInUse = this.#state.at !== 'empty'
    this.#on({ type: 'revoke', reason: 'manual', isAwaited: this.#waiters.isAny })
    if (isInUse) await this.ready(this.#scope.encrypt.dekTimeoutMs)
  }

  /** Ends everything that came from a CMK. Sends that wait get a DEK made after this call. */
  evict(cmkId: string): void {
    if (!this.#scope.cmks.includes(cmkId)) return
    this.#on({ type: 'revoke', reason: 'evicted', isAwaited: this.#waiters.isAny })
  }

  /** Refuses every DEK made before now, wherever it comes from. */
  startAnew(): void {
    this.#supplier.revoke()
  }

  /** Ends everything immediately. Resolves when the store has written everything that it should keep. */
  close(): Promise<void> {
    this.#on({ type: 'close', error: closed() })
    return this.#supplier.settled()
  }

  state(): SealingState {
    const { names } = this.#events
    return sealingState(names, this.#scope.encrypt, this.#state, this.#now(), (id) => this.#session(id))
  }

  #on(event: RotationEvent): Grant | undefined {
    const { state, effects, granted } = step(this.#scope.encrypt, this.#state, event, this.#now())
    this.#state = state
    // Before the effects: one of them may retire the session.
    const grant = granted && this.#session(granted.id).reserve(granted.messages)
    this.#effects.push(...effects)
    this.#runAll()
    return grant
  }

  /**
   * Effects run one after another, including those that a listener causes by calling back. So the listener always sees
   * a state that is already decided.
   */
  #runAll(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) {
        this.#run(effect)
      }
    } finally {
      this.#isRunning = false
    }
  }

  #run(effect: RotationEffect): void {
    switch (effect.do) {
      case 'fetch':
        void this.#fetch(effect.call)
        return
      case 'abandon':
        this.#calls.get(effect.call)?.abort()
        return
      case 'exhaust':
        this.#supplier.exhausted()
        return
      case 'revoke':
        this.#supplier.revoke()
        return
      case 'wake':
        this.#waiters.wake()
        return
      case 'fail':
        this.#waiters.fail(effect.error as Error)
        return
      case 'created':
        this.#events.created(this.#session(effect.id), effect.origin)
        return
      case 'grace':
        this.#events.grace(this.#session(effect.id), effect, this.#scope.encrypt.graceMs)
        return
      case 'retire': {
        const session = this.#session(effect.id)
        this.#sessions.delete(effect.id)
        session.retire()
        this.#events.retired(session, effect)
        return
      }
      case 'arm':
        this.#arm(effect.inMs)
    }
  }

  async #fetch(call: number): Promise<void> {
    // A listener may have ended this call before it began.
    if (this.#state.call !== call) return
    const abort = new AbortController()
    this.#calls.set(call, abort)
    let event: RotationEvent
    try {
      const { origin, ageMs, ...made } = await this.#supplier.next(abort.signal)
      if (this.#state.call !== call) {
        made.dek.destroy()
        return
      }
      this.#sessions.set(
        call,
        new SealingSession(made, this.#scope.suite, (session) => {
          this.#events.destroyed(session)
        }),
      )
      event = { type: 'fetched', call, origin, ageMs, random: this.#clock.jitter() }
    } catch (error) {
      event = { type: 'failed', call, failure: fetchFailure(error), error, random: this.#clock.jitter() }
    } finally {
      this.#calls.delete(call)
    }
    this.#on(event)
  }

  #arm(inMs: number | undefined): void {
    this.#cancelTimer?.()
    this.#cancelTimer =
      inMs === undefined
        ? undefined
        : this.#clock.schedule(
            () => {
              this.#on({ type: 'tick' })
            },
            Math.max(1, Math.min(inMs, MAX_TIMER_STEP_MS)),
          )
  }

  #session(id: number): SealingSession {
    const session = this.#sessions.get(id)
    if (session === undefined) throw new Error('a rotation uses a DEK that it retired')
    return session
  }

  #checkOpen(): void {
    if (this.#state.at === 'closed') throw closed()
  }
}

function closed(): EnvelopeError {
  return new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
}
