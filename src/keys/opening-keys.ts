import { LRUCache } from 'lru-cache'
import type { ContentKey } from '../crypto/content-key.js'
import { EnvelopeError, isEnvelopeError, type FailureKind } from '../errors.js'
import type { EventHub } from '../events.js'
import type { Cmk } from '../kms/cmk.js'
import type { EncryptionContext } from '../kms/kms.js'
import { AwayCmks } from './away-cmks.js'
import { ageMeter, MAX_TIMER_STEP_MS, type Clock } from './clock.js'
import { OpenedDek, type SessionRef } from './opened-dek.js'

/** A wrapping that the read rule accepts, with the CMK that can open it. */
export interface Candidate {
  readonly cmk: Cmk
  readonly ciphertextDek: Buffer
  /** The cache key: read rule, provider, CMK, canonical context, ciphertext DEK. */
  readonly name: string
}

/** What is needed to find or make the content key of a session; constant for a rule and an envelope's head. */
export interface OpeningRequest {
  /** In order of preference. */
  readonly candidates: readonly Candidate[]
  readonly context: EncryptionContext
  readonly session: SessionRef
  /** Names session id, suite and commitment. */
  readonly sessionName: string
}

/** A content key and the CMK that opened its DEK. */
export interface OpeningKey {
  readonly key: ContentKey
  readonly cmk: Cmk
}

/** An opening key that stays usable until released. */
export interface LeasedKey extends OpeningKey {
  release(): void
}

/** A call to a KMS that several wait for. */
interface Flight {
  readonly cmk: Cmk
  readonly abort: AbortController
  readonly done: Promise<OpenedDek>
  waiters: number
  /** Ends the hold on the DEK for waiters that have not gone on yet. */
  release: (() => void) | undefined
}

/** Look-ups of opening keys since the start: one for each sealing session in a batch that is opened. */
export interface KeyLookups {
  /** The key was at hand. */
  readonly hits: number
  /** The KMS had to be asked, or a call that was on its way was waited for. */
  readonly misses: number
}

/** A candidate in its turn. */
interface Turn {
  readonly candidate: Candidate
  /** For what failure it comes after the others. */
  readonly putBackFor: EnvelopeError | undefined
}

interface LeasedDek {
  readonly opened: OpenedDek
  readonly release: () => void
}

/** Attempts per record that fail for good; a forged envelope must not buy more KMS calls. */
const MAX_FAILED_ATTEMPTS = 2

/**
 * The opening side's cache: LRU, bounded in number and in time. Concurrent misses for a DEK share one
 * KMS call; failures are not remembered; a content key is kept only once its commitment was verified.
 */
export class OpeningKeys {
  readonly #ttlMs: number
  readonly #clock: Clock
  readonly #events: EventHub
  readonly #deks: LRUCache<string, { readonly opened: OpenedDek; readonly cancelTimer: () => void }>
  readonly #unwrapping = new Map<string, Flight>()
  readonly #away: AwayCmks
  #closed = false
  #hits = 0
  #misses = 0

  constructor(limits: { readonly maxDeks: number; readonly ttlMs: number }, clock: Clock, events: EventHub) {
    this.#ttlMs = limits.ttlMs
    this.#clock = clock
    this.#away = new AwayCmks(clock)
    this.#events = events
    this.#deks = new LRUCache({
      max: limits.maxDeks,
      dispose: ({ opened, cancelTimer }) => {
        cancelTimer()
        opened.retire()
      },
    })
  }

  /** The key if it is at hand. Good for use at once, not across an `await`. */
  find({ candidates, session, sessionName }: OpeningRequest): OpeningKey | undefined {
    this.#checkOpen()
    for (const { name, cmk } of candidates) {
      const key = this.#cached(name)?.contentKey(session, sessionName)
      if (key === undefined) continue
      this.#hits++
      return { key, cmk }
    }
    this.#misses++
    return undefined
  }

  /**
   * Finds or unwraps the key. A candidate that fails gives way to the next; one whose KMS failed for now a moment ago
   * comes after the others, so that an outage of the nearest region costs its time-out now and then, not for each DEK.
   * @throws EnvelopeError where none is left: a transient failure if there was one; else an unreadable one, since
   * what another reader may open must never be skipped as invalid; else the first
   */
  async load({ candidates, context, session, sessionName }: OpeningRequest): Promise<LeasedKey> {
    this.#checkOpen()
    const failures: EnvelopeError[] = []
    const ordered = this.#inOrder(candidates)
    let asked = 0
    for (const { candidate } of ordered) {
      asked++
      this.#checkOpen()
      try {
        const { opened, release } = await this.#lease(candidate, context)
        const key = opened.contentKey(session, sessionName)
        if (key !== undefined) return { key, cmk: candidate.cmk, release }
        release()
        failures.push(
          new EnvelopeError('COMMITMENT_MISMATCH', 'the DEK is not the one that the header commits to'),
        )
      } catch (error) {
        // One without a kind, such as a KMS that was closed, is no verdict on the record.
        if (!isEnvelopeError(error) || error.kind === undefined) throw error
        failures.push(error)
      }
      if (failures.filter(({ kind }) => kind !== 'transient').length >= MAX_FAILED_ATTEMPTS) break
    }
    this.#checkOpen()
    // What was put back, and then not asked, may still open it: that is no verdict on the record.
    for (const { putBackFor } of ordered.slice(asked)) if (putBackFor) failures.push(putBackFor)
    const ofKind = (wanted: FailureKind): EnvelopeError | undefined =>
      failures.find(({ kind }) => kind === wanted)
    const first = ofKind('transient') ?? ofKind('unreadable') ?? failures[0]
    throw first ?? new EnvelopeError('NO_CANDIDATE', 'no wrapping is accepted')
  }

  /** Drops all that came from a CMK, unwraps in flight included. */
  forget(cmkId: string): void {
    this.#drop((cmk) => cmk.id === cmkId)
  }

  /** What `find` came to so far. */
  get lookups(): KeyLookups {
    return { hits: this.#hits, misses: this.#misses }
  }

  /** DEKs at hand. */
  get size(): number {
    return this.#deks.size
  }

  close(): void {
    this.#closed = true
    this.#drop(() => true)
  }

  #inOrder(candidates: readonly Candidate[]): readonly Turn[] {
    // Looked at once: the answer may change from one moment to the next.
    const turns = candidates.map((candidate): Turn => {
      const failure = this.#away.failure(candidate.cmk)
      const isAtHand = failure !== undefined && this.#cached(candidate.name) !== undefined
      return { candidate, putBackFor: isAtHand ? undefined : failure }
    })
    return [
      ...turns.filter(({ putBackFor }) => putBackFor === undefined),
      ...turns.filter(({ putBackFor }) => putBackFor !== undefined),
    ]
  }

  #cached(name: string): OpenedDek | undefined {
    const entry = this.#deks.get(name)
    if (entry === undefined) return undefined
    if (entry.opened.ageMs() < this.#ttlMs) return entry.opened
    this.#deks.delete(name)
    return undefined
  }

  /** A DEK that stays usable until released: a small cache may evict it before whoever asked goes on. */
  async #lease(candidate: Candidate, context: EncryptionContext): Promise<LeasedDek> {
    const cached = this.#cached(candidate.name)
    if (cached !== undefined) return { opened: cached, release: cached.lease() }
    const flight = this.#unwrapping.get(candidate.name) ?? this.#unwrap(candidate, context)
    flight.waiters++
    try {
      const opened = await flight.done
      return { opened, release: opened.lease() }
    } finally {
      if (--flight.waiters === 0) flight.release?.()
    }
  }

  #unwrap(candidate: Candidate, context: EncryptionContext): Flight {
    const { name, cmk } = candidate
    const abort = new AbortController()
    const flight: Flight = {
      cmk,
      abort,
      waiters: 0,
      release: undefined,
      done: this.#unwrapOnce(candidate, context, abort.signal)
        .then((opened) => {
          flight.release = opened.lease()
          // Forgotten or closed in the meantime: it serves who waited, if anybody, and nobody else.
          if (abort.signal.aborted) opened.retire()
          else this.#keep(name, opened)
          return opened
        })
        .finally(() => {
          if (this.#unwrapping.get(name) === flight) this.#unwrapping.delete(name)
        }),
    }
    this.#unwrapping.set(name, flight)
    return flight
  }

  async #unwrapOnce(
    { cmk, ciphertextDek }: Candidate,
    context: EncryptionContext,
    signal: AbortSignal,
  ): Promise<OpenedDek> {
    const dek = await unwrapped(cmk, ciphertextDek, context, signal).catch((error: unknown) => {
      // Who forgets a CMK gives its calls up: that says nothing of the KMS.
      if (!signal.aborted) this.#away.failed(cmk, error)
      throw error
    })
    this.#away.answered(cmk)
    if (signal.aborted) {
      dek.destroy()
      throw new EnvelopeError('KMS_TIMEOUT', 'the DEK was forgotten while it was being unwrapped')
    }
    return new OpenedDek(cmk, dek, ageMeter(this.#clock), () => {
      this.#events.emit('dek.destroyed', { side: 'opening', cmkId: cmk.id })
    })
  }

  #keep(name: string, opened: OpenedDek): void {
    let cancel = (): void => undefined
    const arm = (): void => {
      const rest = this.#ttlMs - opened.ageMs()
      cancel = this.#clock.schedule(
        () => {
          if (opened.ageMs() >= this.#ttlMs) this.#deks.delete(name)
          else arm()
        },
        Math.min(rest, MAX_TIMER_STEP_MS),
      )
    }
    arm()
    this.#deks.set(name, {
      opened,
      cancelTimer: () => {
        cancel()
      },
    })
  }

  #drop(which: (cmk: Cmk) => boolean): void {
    for (const [name, { cmk, abort }] of this.#unwrapping) {
      if (!which(cmk)) continue
      this.#unwrapping.delete(name)
      abort.abort()
    }
    for (const [name, { opened }] of [...this.#deks.entries()]) {
      if (which(opened.cmk)) this.#deks.delete(name)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
  }
}

/** What a KMS says of a ciphertext DEK, the record's error says as one: that its unwrapping failed. */
const OF_THE_CIPHERTEXT_DEK: ReadonlySet<string> = new Set(['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH'])

async function unwrapped(
  cmk: Cmk,
  ciphertextDek: Buffer,
  context: EncryptionContext,
  signal: AbortSignal,
): ReturnType<Cmk['unwrap']> {
  try {
    return await cmk.unwrap(ciphertextDek, context, signal)
  } catch (error) {
    if (isEnvelopeError(error) && OF_THE_CIPHERTEXT_DEK.has(error.code)) {
      const { kmsCode, requestId } = error
      throw new EnvelopeError('UNWRAP_FAILED', `CMK ${cmk.id} did not unwrap the ciphertext DEK`, {
        ...(kmsCode === undefined ? {} : { kmsCode }),
        ...(requestId === undefined ? {} : { requestId }),
      })
    }
    throw error
  }
}
