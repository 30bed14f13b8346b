import type { Engine } from '../crypto/engine.js'
import { nextTurn } from '../clock.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import type { LeasedKey, OpeningKey, OpeningKeys } from '../keys/opening/opening-keys.js'
import { Bodies } from './bodies.js'
import type { Compression } from './compression.js'
import type { Envelope, Examiner } from './examiner.js'
import type { AcceptedPreamble } from './preamble-judge.js'
import type { EnvelopeInfo, OpenedRecord, SealedRecord, Source } from './record.js'

/** The parts that an opening uses. */
interface OpeningTarget {
  readonly source: Source
  readonly examiner: Examiner
  readonly keys: OpeningKeys
  readonly engine: Engine
}

/** The key of one preamble: in flight, given, or refused. */
interface Load {
  /** Always resolves. */
  readonly settled: Promise<void>
  outcome: LeasedKey | EnvelopeError | undefined
}

/** The key that the next record waits for. Holds no record. */
export interface MissingKey {
  /** Names the CMKs that may give it. */
  readonly cmks: string
  /**
   * Asks for it. Resolves with the failure if that is transient; else the key is cached, or finally refused, or the
   * encryption was closed.
   */
  ask(): Promise<EnvelopeError | undefined>
}

/** A record that is authenticated but not decompressed yet. */
interface Authenticated {
  readonly body: Buffer
  readonly compression: Compression
  readonly envelope: EnvelopeInfo
}

/** The most work of one turn of the event loop, beside the records that the engine opens in it. */
const TURN = { decompressed: 200, openedBytes: 2 ** 22 } as const
/**
 * The share of a turn that each call of `proceed` after the first one takes. Short, because a garbage collection meanwhile
 * may take longer than the work.
 */
const LATER_SHARE = 1 / 4
/** How much is authenticated together. */
const MAX_SEALED_BYTES = 2 ** 20
/** For how many records ahead keys are requested together. */
const KEYS_AHEAD = 500

/** A run of records that is being opened, in order, as far as their keys are available. */
export class Opening {
  /** The outcomes so far, for the first records of the run. */
  readonly results: OpenedRecord[] = []
  readonly #records: readonly SealedRecord[]
  readonly #target: OpeningTarget
  readonly #examined: (Envelope | OpenedRecord)[] = []
  /** Follows `results`, from the first record that is not decompressed yet. */
  #authenticated: (Authenticated | OpenedRecord)[] = []
  readonly #loads = new Map<AcceptedPreamble, Load>()
  /** The preamble of the first record whose key is missing. */
  #waitsFor: AcceptedPreamble | undefined
  #openedBytes = 0
  #settledKeys = 0
  #fatal: { readonly error: unknown } | undefined
  #closed = false

  private constructor(records: readonly SealedRecord[], target: OpeningTarget) {
    this.#records = records
    this.#target = target
  }

  /** Opens as far as keys are cached. @throws EnvelopeError as `proceed` does */
  static begin(records: readonly SealedRecord[], target: OpeningTarget): Opening {
    const opening = new Opening(records, target)
    opening.proceed()
    return opening
  }

  /** Whether each record has its outcome. */
  get isDone(): boolean {
    return this.results.length === this.#records.length
  }

  /** Bytes of the values opened so far, after decompression. */
  get openedBytes(): number {
    return this.#openedBytes
  }

  /** How many keys were given, or finally refused, so far. An attempt that adds to them has made progress. */
  get settledKeys(): number {
    return this.#settledKeys
  }

  /** Whether the next record waits for its key. */
  get waits(): boolean {
    return this.#missingPreamble !== undefined
  }

  /** The transient failure that holds up the next record; undefined if there is none. */
  get failure(): EnvelopeError | undefined {
    const outcome = this.#missingPreamble && this.#loads.get(this.#missingPreamble)?.outcome
    return isTransient(outcome) ? this.#located(outcome, this.results.length) : undefined
  }

  /** The key that holds up the next record; undefined if none does. */
  get missingKey(): MissingKey | undefined {
    const request = this.#missingPreamble?.request
    if (request === undefined) return undefined
    const { keys } = this.#target
    return {
      cmks: JSON.stringify(request.candidates.map(({ cmk }) => [cmk.kmsName, cmk.id])),
      ask: async () => {
        try {
          const key = await keys.load(request)
          key.release()
          return undefined
        } catch (error) {
          return isEnvelopeError(error) && error.kind === 'transient' ? error : undefined
        }
      },
    }
  }

  get #missingPreamble(): AcceptedPreamble | undefined {
    return this.#authenticated.length === 0 ? this.#waitsFor : undefined
  }

  /**
   * Opens the next records, synchronously. Until `isDone`, call `ready`, then `proceed` again.
   * @throws EnvelopeError INVALID_RECORD, ENCRYPTION_CLOSED
   */
  proceed(): void {
    if (this.#fatal !== undefined) throw this.#fatal.error as Error
    this.#waitsFor = undefined
    const share = this.results.length === 0 ? 1 : LATER_SHARE
    const end = Math.min(this.results.length + this.#target.engine.opensInTurn * share, this.#records.length)
    const enoughBytes = this.#openedBytes + TURN.openedBytes * share
    const maxDecompressed = TURN.decompressed * share
    let decompressed = 0
    while (this.#openedBytes < enoughBytes && decompressed < maxDecompressed) {
      const next = this.#authenticated.shift()
      if (next === undefined) {
        if (!this.#authenticate(end)) return
      } else if ('body' in next) {
        const result = this.#decompressed(next)
        this.#finish(result)
        // A failure may come only after as many bytes as a value may have.
        decompressed += result.error === undefined ? 1 : maxDecompressed
      } else this.#finish(next)
    }
  }

  /**
   * Resolves when `proceed` can go on: once the key of the next record was given or refused, or after a turn of the
   * event loop. At the same time requests the keys of the records after it, and requests keys that failed transiently
   * again. A key that was finally refused is not requested again.
   */
  async ready(): Promise<void> {
    const preamble = this.#missingPreamble
    if (preamble === undefined) {
      await nextTurn()
      return
    }
    for (const [failed, { outcome }] of this.#loads) if (isTransient(outcome)) this.#loads.delete(failed)
    const end = Math.min(this.results.length + KEYS_AHEAD, this.#records.length)
    for (let i = this.results.length; i < end; i++) {
      const examined = (this.#examined[i] = this.#examine(i))
      if (!('preamble' in examined) || this.#loads.has(examined.preamble)) continue
      // Counts as a look-up. A cached key is loaded all the same, to hold it through the wait.
      if (examined.preamble !== preamble) this.#target.keys.find(examined.preamble.request)
      this.#load(examined.preamble)
    }
    const load = this.#loads.get(preamble) as Load
    await load.settled
    // A wait may be long, so no key is held through it.
    if (isTransient(load.outcome)) this.#release()
  }

  /** Makes the transient failure that holds up the next record its outcome, for callers that do not wait. */
  acceptFailure(): void {
    const { failure } = this
    if (failure !== undefined) this.results.push({ error: failure })
  }

  /** Releases all keys, including those in flight. Always call it if `begin` left records without an outcome. */
  close(): void {
    this.#closed = true
    this.#authenticated = []
    this.#release()
  }

  #examine(index: number): Envelope | OpenedRecord {
    return (
      this.#examined[index] ??
      this.#target.examiner.examine(this.#records[index] as SealedRecord, this.#target.source.partition)
    )
  }

  /** Authenticates the next records before `end` whose keys are cached. Returns false if the first of them has no key. */
  #authenticate(end: number): boolean {
    if (this.#waitsFor !== undefined) return false
    const from = this.#count
    // Each key is looked up once. Most steps have one.
    let found: Map<AcceptedPreamble, OpeningKey | EnvelopeError | undefined> | undefined
    let current: AcceptedPreamble | undefined
    let key: OpeningKey | EnvelopeError | undefined
    for (let bytes = 0; this.#count < end && bytes < MAX_SEALED_BYTES;) {
      const index = this.#count
      const examined = this.#examine(index)
      if (!('preamble' in examined)) {
        const { error } = examined
        this.#add(error === undefined ? examined : { error: this.#located(error, index) })
        continue
      }
      const { preamble } = examined
      if (preamble !== current) {
        if (current !== undefined) found = (found ?? new Map()).set(current, key)
        key = found?.has(preamble) === true ? found.get(preamble) : this.#keyOf(preamble)
        current = preamble
      }
      if (key === undefined) {
        // Looking again might give another object, and then its key would not be found.
        this.#examined[index] = examined
        this.#waitsFor = preamble
        break
      }
      if ('code' in key) this.#add({ error: this.#located(key, index) })
      else bytes += this.#authenticateRun(examined, key, end, MAX_SEALED_BYTES - bytes)
    }
    return this.#count > from
  }

  /** Authenticates the next records that have the same preamble, together. Returns their bytes. */
  #authenticateRun(
    { value, preamble, bodyAt }: Envelope,
    { key, cmk }: OpeningKey,
    end: number,
    maxBytes: number,
  ): number {
    const { examiner, engine } = this.#target
    const bodies = new Bodies(preamble)
    let index = this.#count
    bodies.add(this.#records[index] as SealedRecord, value, bodyAt)
    let bytes = value.length
    while (++index < end && bytes < maxBytes) {
      const record = this.#records[index] as SealedRecord
      const { value: next } = record
      const at = examiner.bodyIn(next, preamble)
      if (next === null || at < 0) break
      bodies.add(record, next, at)
      bytes += next.length
    }
    const envelope = preamble.infos.get(cmk) as EnvelopeInfo
    for (const body of bodies.open(engine, key)) this.#add(this.#opened(body, preamble, envelope))
    return bytes
  }

  /** How many records are authenticated, or have an outcome. */
  get #count(): number {
    return this.results.length + this.#authenticated.length
  }

  #add(next: Authenticated | OpenedRecord): void {
    if (this.#authenticated.length > 0 || 'body' in next) this.#authenticated.push(next)
    else this.#finish(next)
  }

  #finish(result: OpenedRecord): void {
    this.#openedBytes += result.value?.length ?? 0
    this.results.push(result)
  }

  /** Use it immediately, not across an `await`. Undefined if a KMS has to be asked. */
  #keyOf(preamble: AcceptedPreamble): OpeningKey | EnvelopeError | undefined {
    const load = this.#loads.get(preamble)
    if (load === undefined) return this.#target.keys.find(preamble.request)
    return isTransient(load.outcome) ? undefined : load.outcome
  }

  #load(preamble: AcceptedPreamble): void {
    const load: Load = {
      outcome: undefined,
      settled: this.#target.keys.load(preamble.request).then(
        (key) => {
          this.#settledKeys++
          if (this.#closed) key.release()
          else load.outcome = key
        },
        (error: unknown) => {
          // Not the failure of a record: a bug, or an owner that was closed meanwhile.
          if (!isEnvelopeError(error) || error.code === 'ENCRYPTION_CLOSED') this.#fatal ??= { error }
          else {
            load.outcome = error
            if (error.kind !== 'transient') this.#settledKeys++
          }
        },
      ),
    }
    this.#loads.set(preamble, load)
  }

  #release(): void {
    for (const [preamble, { outcome }] of this.#loads) {
      if (outcome === undefined || 'code' in outcome) continue
      outcome.release()
      this.#loads.delete(preamble)
    }
  }

  #opened(
    body: Buffer | undefined,
    { compression }: AcceptedPreamble,
    envelope: EnvelopeInfo,
  ): Authenticated | OpenedRecord {
    if (body === undefined) {
      const error = new EnvelopeError('AUTHENTICATION_FAILED', 'the record differs from what was sealed')
      return { error: this.#located(error, this.#count) }
    }
    return compression.name === 'none' ? { value: body, envelope } : { body, compression, envelope }
  }

  #decompressed({ body, compression, envelope }: Authenticated): OpenedRecord {
    try {
      return { value: compression.decompress(body, this.#target.examiner.maxDecompressedBytes), envelope }
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      return { error: this.#located(error, this.results.length) }
    }
  }

  #located(error: EnvelopeError, index: number): EnvelopeError {
    const { topic, partition } = this.#target.source
    const { offset } = this.#records[index] as SealedRecord
    return error.at({
      topic,
      ...(partition === undefined ? {} : { partition }),
      ...(offset === undefined ? {} : { offset }),
    })
  }
}

/** Opens a whole run. Transient failures are outcomes too. */
export async function openAll(opening: Opening): Promise<readonly OpenedRecord[]> {
  try {
    while (!opening.isDone) {
      if (opening.failure === undefined) await opening.ready()
      else opening.acceptFailure()
      opening.proceed()
    }
    return opening.results
  } finally {
    opening.close()
  }
}

function isTransient(outcome: LeasedKey | EnvelopeError | undefined): outcome is EnvelopeError {
  return isEnvelopeError(outcome) && outcome.kind === 'transient'
}
