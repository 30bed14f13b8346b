import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { EventHub } from '../../events.js'
import type { Cmk } from '../../kms/cmk.js'
import type { EncryptionContext } from '../../kms/kms.js'
import { ageMeter, type Clock } from '../../clock.js'
import { OpenedDek } from './opened-dek.js'
import type { Candidate } from './opening-request.js'
import { unwrapFailed } from './refusals.js'

/**
 * The answer of a KMS about a ciphertext DEK. If it contains a DEK, the caller holds a lease on it, and must release
 * it.
 */
export type Answer =
  | {
      readonly opened: OpenedDek
      /**
       * Whether its CMK was evicted, or everything was closed, meanwhile. Then the DEK serves only the callers that
       * waited for it.
       */
      readonly isEvicted: () => boolean
      readonly release: () => void
    }
  | {
      /** Why the ciphertext DEK is to blame. Its kind is `invalid`. */
      readonly blamed: EnvelopeError
      /** Whether the KMS itself blames the ciphertext DEK. Otherwise we concluded it from the answer of the KMS. */
      readonly byKms: boolean
    }

/** A call to a KMS that several callers share, and its result, until each of them has finished with it. */
interface Flight {
  readonly cmk: Cmk
  readonly abort: AbortController
  readonly done: Promise<OpenedDek>
  users: number
  /** Releases the lease on the DEK. */
  release: () => void
}

/** Asks a KMS to unwrap. Concurrent callers that need the same DEK share one call; no result is remembered. */
export class Unwraps {
  readonly #clock: Clock
  readonly #events: EventHub
  /** Calls in flight, by name. A caller joins one of these, and never gets an answer from before it asked. */
  readonly #calls = new Map<string, Flight>()
  /** Calls in flight, and calls whose answer is still in use. */
  readonly #flights = new Set<Flight>()

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock
    this.#events = events
  }

  /**
   * @throws EnvelopeError for failures that say nothing about the ciphertext DEK: those of kind transient or unreadable
   */
  async ask(candidate: Candidate, context: EncryptionContext): Promise<Answer> {
    const flight = this.#calls.get(candidate.name) ?? this.#start(candidate, context)
    flight.users++
    const leave = (): void => {
      if (--flight.users > 0) return
      this.#flights.delete(flight)
      flight.release()
    }
    try {
      const opened = await flight.done
      return { opened, isEvicted: () => flight.abort.signal.aborted, release: leave }
    } catch (error) {
      leave()
      if (!isEnvelopeError(error) || error.kind !== 'invalid') throw error
      return { blamed: blamed(error, candidate.cmk), byKms: error.code === 'CIPHERTEXT_DEK_INVALID' }
    }
  }

  /** Cancels the calls for some CMKs; answers that are in use are marked as evicted. */
  drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { cmk }] of this.#calls) if (which(cmk)) this.#calls.delete(name)
    for (const { cmk, abort } of this.#flights) if (which(cmk)) abort.abort()
  }

  #start(candidate: Candidate, context: EncryptionContext): Flight {
    const { name, cmk } = candidate
    const abort = new AbortController()
    const flight: Flight = {
      cmk,
      abort,
      users: 0,
      release: () => undefined,
      done: this.#unwrap(candidate, context, abort.signal)
        .then((opened) => {
          flight.release = opened.lease()
          return opened
        })
        .finally(() => {
          if (this.#calls.get(name) === flight) this.#calls.delete(name)
        }),
    }
    this.#calls.set(name, flight)
    this.#flights.add(flight)
    return flight
  }

  async #unwrap(
    { cmk, ciphertextDek }: Candidate,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<OpenedDek> {
    const dek = await cmk.unwrap(ciphertextDek, context, signal)
    if (signal.aborted) {
      dek.destroy()
      throw new EnvelopeError('KMS_TIMEOUT', 'the DEK was evicted while it was being unwrapped')
    }
    return new OpenedDek(cmk, dek, ageMeter(this.#clock), () => {
      this.#events.emit('dek.destroyed', { side: 'opening', cmkId: cmk.id })
    })
  }
}

/** The codes that may blame a ciphertext DEK. */
const OF_THE_CIPHERTEXT_DEK: ReadonlySet<string> = new Set([
  'CIPHERTEXT_DEK_INVALID',
  'CMK_MISMATCH',
  'UNWRAP_FAILED',
])

/** @throws EnvelopeError KMS_UNAVAILABLE if a provider blames a record with a code that no KMS can judge */
function blamed(error: EnvelopeError, cmk: Cmk): EnvelopeError {
  if (OF_THE_CIPHERTEXT_DEK.has(error.code)) return unwrapFailed(cmk, error)
  throw new EnvelopeError('KMS_UNAVAILABLE', `the KMS of CMK ${cmk.id} failed with ${error.code}`)
}
