import { EnvelopeError } from '../errors.js'
import type { EventHub, RetireReason } from '../events.js'
import { Cmk } from '../kms/cmk.js'
import type { CheckedEncryptRule } from '../policy/checked.js'
import { fit, limitReached } from '../policy/rotation.js'
import { ageMeter, MAX_TIMER_STEP_MS, type Clock } from './clock.js'
import { SealingSession, type Grant } from './sealing-session.js'

/** What a sealing key is made for. */
export interface SealingScope {
  readonly rule: string
  /** Only with `dekScope: 'topic'`. */
  readonly topic: string | undefined
  readonly encrypt: CheckedEncryptRule
  readonly cmks: readonly [Cmk, ...Cmk[]]
}

/** What `health()` tells of a sealing key. */
export interface SealingState {
  readonly rule: string
  readonly topic?: string
  /** `empty`: no DEK yet, or the last one ended and nobody needed another. */
  readonly state: 'empty' | 'fetching' | 'ready'
  readonly sessionId?: string
  readonly messages?: number
  readonly bytes?: number
  readonly ageMs?: number
}

/**
 * The current DEK of one scope. Grants are taken synchronously while it lasts; at a limit, concurrent
 * callers share the one KMS call that fetches the next. A failed call is not remembered.
 */
export class SealingKey {
  readonly #scope: SealingScope
  readonly #clock: Clock
  readonly #events: EventHub
  #session: SealingSession | undefined
  #fetching: { readonly done: Promise<void>; readonly abort: AbortController } | undefined
  #cancelTimer = (): void => undefined
  #closed = false

  constructor(scope: SealingScope, clock: Clock, events: EventHub) {
    this.#scope = scope
    this.#clock = clock
    this.#events = events
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
    const { rotate } = this.#scope.encrypt
    const session = this.#session
    if (session === undefined) return undefined
    const ageMs = session.ageMs()
    const fitting = fit(rotate, session.usage, sizes, from)
    const reached =
      limitReached(rotate, session.usage, ageMs) ?? (fitting.messages === 0 ? fitting.stoppedBy : undefined)
    if (reached !== undefined) {
      this.#retire(reached)
      return undefined
    }
    const grant = session.reserve(fitting)
    // What is used up goes at once: its end does not wait for the next send.
    const usedUp = limitReached(rotate, session.usage, 0) ?? fitting.stoppedBy
    if (usedUp !== undefined) this.#retire(usedUp)
    return grant
  }

  /**
   * Resolves when a DEK is there, or was for a moment: callers take turns by trying again.
   * @throws EnvelopeError what the KMS call failed with, KEY_WAIT_TIMEOUT, or ENCRYPTION_CLOSED
   */
  async ready(waitMs: number): Promise<void> {
    this.#checkOpen()
    if (this.#session !== undefined) return
    await this.#within(waitMs, this.#fetch())
  }

  /** Ends the current DEK, also one that is being fetched; fetches the next if there was one. */
  async rotate(): Promise<void> {
    this.#checkOpen()
    const inUse = this.#session !== undefined || this.#fetching !== undefined
    this.#end('manual')
    if (inUse) await this.ready(this.#scope.encrypt.keyWaitMs)
  }

  /** Drops everything that came from a CMK. Whoever waits gets a DEK that was made after this. */
  forget(cmkId: string): void {
    if (this.#scope.cmks.some(({ id }) => id === cmkId)) this.#end('forgotten')
  }

  close(): void {
    this.#closed = true
    this.#end('closed')
  }

  state(): SealingState {
    const { rule, topic } = this.#scope
    const session = this.#session
    return {
      rule,
      ...(topic === undefined ? {} : { topic }),
      state: session ? 'ready' : this.#fetching ? 'fetching' : 'empty',
      ...(session ? { sessionId: session.id.toString('hex'), ...session.usage, ageMs: session.ageMs() } : {}),
    }
  }

  #fetch(): Promise<void> {
    if (this.#fetching === undefined) {
      const abort = new AbortController()
      const done = this.#create(abort.signal).finally(() => {
        if (this.#fetching?.abort === abort) this.#fetching = undefined
      })
      // Every waiter may have given up by the time it fails.
      done.catch(() => undefined)
      this.#fetching = { done, abort }
    }
    return this.#fetching.done
  }

  async #create(signal: AbortSignal): Promise<void> {
    try {
      const made = await Cmk.newDek(this.#scope.cmks, this.#scope.encrypt.context, signal)
      if (signal.aborted) {
        made.dek.destroy()
        throw signal.reason as Error
      }
      this.#open(made)
    } catch (error) {
      if (!signal.aborted) throw error
      this.#checkOpen()
      // The DEK was forgotten or rotated while it was on its way: whoever waits gets the next one.
      if (this.#session === undefined) await this.#fetch()
    }
  }

  #open(made: Awaited<ReturnType<typeof Cmk.newDek>>): void {
    const { rule, cmks } = this.#scope
    const session = new SealingSession(made, ageMeter(this.#clock), () => {
      this.#events.emit('dek.destroyed', { side: 'sealing', cmkId: cmks[0].id })
    })
    this.#session = session
    this.#armTimer(session)
    this.#events.emit('dek.created', {
      rule,
      ...this.#topic(),
      cmkIds: cmks.map(({ id }) => id),
      sessionId: session.id.toString('hex'),
    })
  }

  /** An idle key ends with its age too, not with the next send. */
  #armTimer(session: SealingSession): void {
    const rest = this.#scope.encrypt.rotate.maxAgeMs - session.ageMs()
    this.#cancelTimer = this.#clock.schedule(
      () => {
        if (session.ageMs() >= this.#scope.encrypt.rotate.maxAgeMs) this.#retire('age')
        else this.#armTimer(session)
      },
      Math.min(rest, MAX_TIMER_STEP_MS),
    )
  }

  #end(reason: RetireReason): void {
    const fetching = this.#fetching
    this.#fetching = undefined
    this.#retire(reason)
    fetching?.abort.abort()
  }

  #retire(reason: RetireReason): void {
    const session = this.#session
    if (session === undefined) return
    this.#session = undefined
    this.#cancelTimer()
    const { rule } = this.#scope
    this.#events.emit('dek.retired', {
      rule,
      ...this.#topic(),
      sessionId: session.id.toString('hex'),
      reason,
      ...session.usage,
      ageMs: session.ageMs(),
    })
    session.retire()
  }

  #topic(): { topic?: string } {
    return this.#scope.topic === undefined ? {} : { topic: this.#scope.topic }
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
