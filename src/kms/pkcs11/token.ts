import { cancelled, raceAbort, refuseCancelled, waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { CallLifetime } from '../call-lifetime.js'
import { failureOf, refusesPin, timedOut, type FailedCall } from './failures.js'
import type { Failure, TokenAccess, TokenCall } from './messages.js'
import { TokenThread, type Outcome } from './token-thread.js'
import workerFile from './worker-file.cjs'

/** Threads whose call does not return. Each holds a session and memory, so there are few. */
const MAX_STUCK = 3
const MAX_CLOSE_MS = 1000

export interface TokenLimits {
  readonly requestTimeoutMs: number
  readonly clock: Clock
}

/** Calls to a token, one after the other. A thread whose call takes too long is given up, and replaced. */
export class Token {
  readonly #options: TokenAccess
  readonly #limits: TokenLimits
  readonly #lifetime = new CallLifetime()
  readonly #stuck = new Set<TokenThread>()
  #thread: TokenThread | undefined
  #threadEnded: Promise<void> = Promise.resolve()
  #pinRefused = false
  /** A thread that was given up may be trying the PIN. Two tries at once could lock the token. */
  #pinTried = false
  /** Settles when the last call in the queue has ended. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TokenAccess, limits: TokenLimits) {
    this.#options = options
    this.#limits = limits
  }

  /**
   * Calls the token at the turn of this call. `make` runs only then, and not if the call was cancelled before.
   *
   * @throws EnvelopeError as the table says; KMS_TIMEOUT; ENCRYPTION_CLOSED
   */
  async call(make: () => TokenCall, cmkId: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    return this.#lifetime.during(signal, (ended) => {
      const turn = this.#turn.then(() => {
        refuseCancelled(ended)
        const call = make()
        return this.#make(call, { action: call.action, cmkId })
      })
      this.#turn = turn.catch(() => undefined)
      return raceAbort(turn, ended, wipe)
    })
  }

  /** Ends calls with ENCRYPTION_CLOSED, and the thread. One that is stuck ends when its call returns. */
  async close(): Promise<void> {
    this.#lifetime.close()
    this.#thread?.giveUp()
    await waitFor(this.#threadEnded, { clock: this.#limits.clock, ms: MAX_CLOSE_MS })
  }

  async #make(call: TokenCall, described: FailedCall): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#pinRefused) throw failureOf({ code: 'PIN_REFUSED_BEFORE' }, described)
    if (this.#stuck.size >= MAX_STUCK) throw failureOf({ code: 'THREADS_STUCK' }, described)
    if (this.#pinTried) throw failureOf({ code: 'LOGIN_STUCK' }, described)
    const thread = this.#liveThread(described)
    const { requestTimeoutMs: ms, clock } = this.#limits
    const { signal } = this.#lifetime
    const answer = thread.call(call)
    const outcome = await waitFor<Outcome>(answer, { ms, clock, signal })
    if (outcome === 'aborted') throw cancelled(signal)
    if (outcome === 'late') {
      this.#giveUp(thread, answer)
      throw timedOut(described, ms)
    }
    if ('bytes' in outcome.value) return outcome.value.bytes
    throw failureOf(this.#noted(outcome.value.failure), described)
  }

  #giveUp(thread: TokenThread, answer: Promise<Outcome>): void {
    this.#stuck.add(thread)
    this.#thread = undefined
    if (thread.giveUp()) return
    this.#pinTried = true
    void answer.then((outcome) => {
      this.#pinTried = false
      if ('failure' in outcome) this.#noted(outcome.failure)
    })
  }

  #noted(failure: Failure): Failure {
    this.#pinRefused ||= refusesPin(failure)
    return failure
  }

  #liveThread(described: FailedCall): TokenThread {
    if (this.#thread !== undefined && !this.#thread.hasEnded) return this.#thread
    if (workerFile === undefined) throw failureOf({ code: 'NO_THREAD_FILE' }, described)
    const thread = started(workerFile, this.#options)
    if (thread === undefined) throw failureOf({ code: 'NO_THREAD' }, described)
    this.#threadEnded = thread.ended.then(() => {
      this.#stuck.delete(thread)
    })
    return (this.#thread = thread)
  }
}

/** Undefined where this process may not have threads. */
function started(file: string, options: TokenAccess): TokenThread | undefined {
  try {
    return new TokenThread(file, options)
  } catch {
    return undefined
  }
}

function wipe(bytes: Uint8Array): void {
  bytes.fill(0)
}
