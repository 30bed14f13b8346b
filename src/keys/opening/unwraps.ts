import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { EventHub } from '../../events.js'
import type { Cmk } from '../../kms/cmk.js'
import type { EncryptionContext } from '../../kms/kms.js'
import { ageMeter, type Clock } from '../../clock.js'
import { OpenedDek } from './opened-dek.js'
import type { Candidate } from './opening-request.js'
import { unwrapFailed } from './refusals.js'

/** What a KMS answered about a ciphertext DEK. The caller holds a lease on a DEK that it gets, and releases it. */
export type Answer =
  | {
      readonly opened: OpenedDek
      /** Whether its CMK was evicted, or everything closed, meanwhile: then it serves the calls that waited, and no later one. */
      readonly isEvicted: () => boolean
      readonly release: () => void
    }
  | {
      /** Of kind invalid: why the ciphertext DEK is to blame. */
      readonly blamed: EnvelopeError
      /** Whether the KMS itself says so. Otherwise we do, because of what the KMS answered. */
      readonly byKms: boolean
    }

/** A call to a KMS that several wait for, and what came of it until each of them is done with it. */
interface Flight {
  readonly cmk: Cmk
  readonly abort: AbortController
  readonly done: Promise<OpenedDek>
  users: number
  /** Ends the hold on the DEK. */
  release: () => void
}

/** Asks KMSs to unwrap. All who want the same at the same time share one call; nothing is remembered. */
export class Unwraps {
  readonly #clock: Clock
  readonly #events: EventHub
  /** Calls that have not ended yet, by name: a caller joins one, and never takes an answer that was there before. */
  readonly #calls = new Map<string, Flight>()
  /** These, and those whose answer is still in use. */
  readonly #flights = new Set<Flight>()

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock
    this.#events = events
  }

  /** @throws EnvelopeError what says nothing about the ciphertext DEK: transient or unreadable failures of the KMS */
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

/** What a KMS, or what it answered, can have against a ciphertext DEK. */
const OF_THE_CIPHERTEXT_DEK: ReadonlySet<string> = new Set([
  'CIPHERTEXT_DEK_INVALID',
  'CMK_MISMATCH',
  'UNWRAP_FAILED',
])

/** @throws EnvelopeError KMS_UNAVAILABLE where a provider blames a record for what no KMS can know */
function blamed(error: EnvelopeError, cmk: Cmk): EnvelopeError {
  if (OF_THE_CIPHERTEXT_DEK.has(error.code)) return unwrapFailed(cmk, error)
  throw new EnvelopeError('KMS_UNAVAILABLE', `the KMS of CMK ${cmk.id} failed with ${error.code}`)
}
