import type { ContentKey } from '../../crypto/content-key.js'
import { EnvelopeError } from '../../errors.js'
import type { EventHub } from '../../events.js'
import type { Cmk } from '../../kms/cmk.js'
import type { Clock } from '../../clock.js'
import { DekCache } from './dek-cache.js'
import type { OpenedDek } from './opened-dek.js'
import type { Candidate, OpeningRequest } from './opening-request.js'
import { Refusals, REMEMBERED_MS } from './refusals.js'
import { Unwraps, type Answer } from './unwraps.js'

/** A content key and the CMK that opened its DEK. */
export interface OpeningKey {
  readonly key: ContentKey
  readonly cmk: Cmk
}

/** An opening key that stays usable until released. */
export interface LeasedKey extends OpeningKey {
  release(): void
}

/** Look-ups of opening keys since the start: one for each sealing session in a batch that is opened. */
export interface KeyLookups {
  /** The key was cached. */
  readonly hits: number
  /** The key needed a call to the KMS, either a new one or one that was already in flight. */
  readonly misses: number
}

/** How many DEKs are kept although no commitment verified. They displace no verified DEK. */
const MAX_CONFIRMED = 100

/**
 * The opening side's keys. What is known about a ciphertext DEK, and what a record with it gets:
 *
 *   known                            its commitment is the DEK's   its commitment is not
 *   nothing: the KMS is asked        the key; now verified         the KMS is asked once more
 *     asked once more, same DEK      –                             COMMITMENT_MISMATCH; now confirmed
 *     asked once more, another DEK   the key; now verified         KMS_RESPONSE_INVALID; nothing is kept
 *   verified, kept for `cache.ttl`   the key                       COMMITMENT_MISMATCH
 *   confirmed, kept for 30 s         the key; now verified         COMMITMENT_MISMATCH
 *   refused, remembered for 30 s     –                             UNWRAP_FAILED
 *
 * So one wrong answer of a KMS neither condemns a record nor stays in the cache: a DEK is kept for long only after a
 * commitment verified, and it takes two equal answers to blame a record. A forged record under a genuine ciphertext DEK
 * costs two calls in 30 seconds, or none if the DEK is verified. It displaces no verified DEK, and changes nothing for
 * genuine records. A KMS that refuses the ciphertext DEK is believed immediately. If the answer itself is wrong (not 32
 * bytes, or from a CMK other than the one asked), the KMS is asked once more too.
 */
export class OpeningKeys {
  readonly #verified: DekCache
  readonly #confirmed: DekCache
  readonly #refusals: Refusals
  readonly #unwraps: Unwraps
  #closed = false
  #hits = 0
  #misses = 0

  constructor(limits: { readonly maxDeks: number; readonly ttlMs: number }, clock: Clock, events: EventHub) {
    const confirmed = { maxDeks: MAX_CONFIRMED, ttlMs: Math.min(REMEMBERED_MS, limits.ttlMs) }
    this.#verified = new DekCache(limits, clock)
    this.#confirmed = new DekCache(confirmed, clock)
    this.#refusals = new Refusals(clock)
    this.#unwraps = new Unwraps(clock, events)
  }

  /** The key if it is cached; counts as a look-up. Use it immediately, not across an `await`. */
  find(request: OpeningRequest): OpeningKey | undefined {
    const found = this.findCached(request)
    if (found === undefined) this.#misses++
    return found
  }

  /** As `find`, for a caller that calls `find` next if there is none: counts as a look-up only if there is one. */
  findCached({ candidates, session, sessionName }: OpeningRequest): OpeningKey | undefined {
    this.#checkOpen()
    for (const { name, cmk } of candidates) {
      const key = this.#verified.get(name)?.contentKey(session, sessionName)
      if (key === undefined) continue
      this.#hits++
      return { key, cmk }
    }
    return undefined
  }

  /**
   * Finds or unwraps the key. If a candidate fails, the next one is tried.
   * @throws EnvelopeError as `CmkSet.unwrap` says, if no candidate opens the record
   */
  async load(request: OpeningRequest): Promise<LeasedKey> {
    const { cmks, candidates } = request
    try {
      return await cmks.unwrap(
        candidates,
        async (candidate) => this.#keyUnder(candidate, request),
        ({ name }) => this.#verified.get(name) !== undefined,
      )
    } catch (error) {
      this.#checkOpen()
      throw error
    }
  }

  /** Drops everything that came from a CMK, or from one that unwraps for it, including calls in flight. */
  evict(cmkId: string): void {
    this.#drop((cmk) => cmk.id === cmkId || cmk.unwrapsFor(cmkId))
  }

  /** How often `find` has found a key, and how often it has not. */
  get lookups(): KeyLookups {
    return { hits: this.#hits, misses: this.#misses }
  }

  /** The number of cached DEKs. */
  get size(): number {
    return this.#verified.size
  }

  close(): void {
    this.#closed = true
    this.#drop(() => true)
  }

  /** @throws EnvelopeError why this candidate does not open the record */
  async #keyUnder(candidate: Candidate, request: OpeningRequest): Promise<LeasedKey> {
    this.#checkOpen()
    const known = this.#known(candidate, request)
    if (known !== undefined) return known
    const first = await this.#unwraps.ask(candidate, request.context)
    try {
      const opened = this.#opens(first, candidate, request)
      if (opened !== undefined) return opened
      // Other callers that shared the call may have learned more.
      const found = this.#known(candidate, request)
      if (found !== undefined) return found
      if ('blamed' in first && first.byKms) throw this.#refused(candidate, first.blamed)
      return await this.#askedAgain(first, candidate, request)
    } finally {
      release(first)
    }
  }

  async #askedAgain(first: Answer, candidate: Candidate, request: OpeningRequest): Promise<LeasedKey> {
    this.#checkOpen()
    const second = await this.#unwraps.ask(candidate, request.context)
    try {
      const opened = this.#opens(second, candidate, request) ?? this.#known(candidate, request)
      if (opened !== undefined) return opened
      if ('opened' in first && 'opened' in second && first.opened.isSameAs(second.opened)) {
        if (!second.isEvicted()) this.#confirmed.keep(candidate.name, second.opened)
        throw mismatch()
      }
      if ('blamed' in first && 'blamed' in second) throw this.#refused(candidate, second.blamed)
      throw new EnvelopeError(
        'KMS_RESPONSE_INVALID',
        `the KMS gave two different answers for one ciphertext DEK of CMK ${candidate.cmk.id}`,
      )
    } finally {
      release(second)
    }
  }

  /** The key if it is known. @throws EnvelopeError COMMITMENT_MISMATCH or UNWRAP_FAILED if that is known */
  #known({ name, cmk }: Candidate, { session, sessionName }: OpeningRequest): LeasedKey | undefined {
    const verified = this.#verified.get(name)
    const opened = verified ?? this.#confirmed.get(name)
    if (opened !== undefined) {
      const key = opened.contentKey(session, sessionName)
      if (key === undefined) throw mismatch()
      // Before anything is evicted: a listener may call back, and drop the DEK that was just kept.
      const release = opened.lease()
      if (verified === undefined) this.#verify(name, opened)
      return { key, cmk, release }
    }
    const refusal = this.#refusals.get(name)
    if (refusal !== undefined) throw refusal
    return undefined
  }

  /** The key if the answer is the DEK that the record commits to, else undefined. */
  #opens(answer: Answer, { name, cmk }: Candidate, request: OpeningRequest): LeasedKey | undefined {
    if ('blamed' in answer) return undefined
    const { opened, isEvicted } = answer
    const key = opened.contentKey(request.session, request.sessionName)
    if (key === undefined) return undefined
    if (!isEvicted() && this.#verified.get(name) !== opened) this.#verify(name, opened)
    return { key, cmk, release: opened.lease() }
  }

  #verify(name: string, opened: OpenedDek): void {
    this.#verified.keep(name, opened)
    this.#confirmed.delete(name)
  }

  #refused({ name, cmk }: Candidate, blamed: EnvelopeError): EnvelopeError {
    this.#refusals.add(name, cmk, blamed)
    return blamed
  }

  #drop(which: (cmk: Cmk) => boolean): void {
    this.#unwraps.drop(which)
    this.#verified.drop(which)
    this.#confirmed.drop(which)
    this.#refusals.drop(which)
  }

  #checkOpen(): void {
    if (this.#closed) throw new EnvelopeError('ENCRYPTION_CLOSED', 'the encryption was closed')
  }
}

function mismatch(): EnvelopeError {
  return new EnvelopeError('COMMITMENT_MISMATCH', 'the DEK does not match the commitment in the header')
}

function release(answer: Answer): void {
  if ('opened' in answer) answer.release()
}
