import type { Engine, SealJob } from '../crypto/engine.js'
import { byteLength, ownCopy, type Bytes } from '../envelope/bytes.js'
import type { HeaderValues } from '../envelope/format.js'
import { checkEnvelope, hasEnvelopePrefix } from '../envelope/formats.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { EventHub } from '../events.js'
import type { DekRotation } from '../keys/sealing/dek-rotation.js'
import type { Grant } from '../keys/sealing/sealing-session.js'
import { stopwatch, type Clock } from '../clock.js'
import type { OutgoingBatch, PlainBatch } from './batch.js'
import { compressionNamed } from './compression.js'
import { PassedBatch } from './passed-batch.js'
import { boundHeaderValues, boundKey, checkedValue, located, type PlainRecord } from './record.js'
import { templateOf } from './template.js'
import type { WritingRule } from './topic-rules.js'

/** The batches of one send. */
export class Sealing {
  readonly batches: readonly OutgoingBatch[]

  private constructor(batches: readonly OutgoingBatch[]) {
    this.batches = batches
  }

  /** Checks all batches; then seals them as far as cached DEKs go. @throws EnvelopeError as `Sealer.begin` does */
  static begin(batches: readonly PlainBatch[], targets: readonly (SealingTarget | 'passthrough')[]): Sealing {
    const outgoing = batches.map((batch, i) => {
      const target = targets[i] as SealingTarget | 'passthrough'
      return target === 'passthrough' ? new PassedBatch(batch) : new SealedBatch(batch, target)
    })
    for (const batch of outgoing) batch.proceed()
    return new Sealing(outgoing)
  }

  /** If false, call `hold`, then `complete`. */
  get isDone(): boolean {
    return this.batches.every(({ isDone }) => isDone)
  }

  /** Copies the records that are not sealed yet. Call it before the application can change them. */
  hold(): void {
    for (const batch of this.batches) batch.hold()
  }

  /**
   * Seals the rest, waiting for DEKs as long as the rules allow.
   * @throws EnvelopeError as `DekRotation.ready` and `begin` do
   */
  async complete(): Promise<void> {
    await Promise.all(this.batches.map((batch) => batch.complete()))
  }
}

/** What batches of a topic are sealed with. */
export interface SealingTarget extends WritingRule {
  readonly rotation: DekRotation
  readonly engine: Engine
  readonly clock: Clock
  readonly events: EventHub
}

/** A record that waits for its DEK. */
interface Pending {
  /** Where its value goes. */
  readonly index: number
  readonly body: Bytes
  readonly key: Bytes | null | undefined
  readonly headers: readonly HeaderValues[]
}

/** The most that is compressed before the event loop gets its turn. */
const STEP = { records: 250, bytes: 2 ** 20 } as const
const NO_HEADERS: readonly HeaderValues[] = []

/** A batch of a topic whose rule encrypts. */
class SealedBatch implements OutgoingBatch {
  readonly sealed: number[] = []
  readonly #topic: string
  readonly #pathOf: PlainBatch['pathOf']
  readonly #target: SealingTarget
  readonly #values: (Bytes | null)[] = []
  readonly #pending: Pending[] = []
  /** Bytes of the bodies that are ready to be sealed. */
  readonly #sizes: number[] = []
  #done = 0
  /** Bytes of values before sealing and compression; counted only if there is a listener. */
  #bytes = 0
  /** How long it has waited for DEKs. */
  #waited: (() => number) | undefined

  /** Checks the records; nothing is sealed yet. @throws EnvelopeError as `Sealer.begin` does */
  constructor({ topic, records, pathOf }: PlainBatch, target: SealingTarget) {
    this.#topic = topic
    this.#pathOf = pathOf
    this.#target = target
    let index = 0
    try {
      for (; index < records.length; index++) this.#add(records[index] as PlainRecord, index)
    } catch (error) {
      throw located(error, topic, pathOf(index))
    }
  }

  get values(): readonly (Bytes | null)[] {
    if (!this.isDone) throw new Error('a batch is not sealed yet')
    return this.#values
  }

  get maxBatchBytes(): number {
    return this.#target.sealing.encrypt.maxBatchBytes
  }

  #add(record: PlainRecord, index: number): void {
    const value = checkedValue(record)
    this.#values.push(value)
    const { sealing, events, maxDecompressedBytes } = this.#target
    const { encrypt } = sealing
    if (value === null) {
      if (encrypt.tombstones === 'pass') return
      throw new EnvelopeError('TOMBSTONE_REJECTED', `rule ${sealing.name} refuses null values`)
    }
    if (typeof value !== 'string' && hasEnvelopePrefix(value)) {
      if (!encrypt.passSealed)
        throw new EnvelopeError('ALREADY_SEALED', 'the value starts with the prefix of an envelope')
      // What was found to be an envelope must be what is sent, whatever becomes of the caller's buffer.
      const forwarded = ownCopy(value) as Buffer
      checkEnvelope(forwarded)
      this.#values[index] = forwarded
      return
    }
    const plainSize = byteLength(value)
    if (encrypt.compression === 'none') {
      checkFitsDek(sealing, plainSize)
      this.#sizes.push(plainSize)
    } else if (plainSize > maxDecompressedBytes)
      throw new EnvelopeError(
        'TOO_LARGE',
        `a value of ${String(plainSize)} bytes exceeds the ${String(maxDecompressedBytes)} bytes that readers decompress`,
      )
    if (events.has('batch.sealed')) this.#bytes += plainSize
    this.sealed.push(index)
    this.#pending.push({
      index,
      body: value,
      key: encrypt.bindKey ? boundKey(record) : undefined,
      headers: encrypt.bindHeaders.length === 0 ? NO_HEADERS : boundHeaderValues(record, encrypt.bindHeaders),
    })
  }

  /** Compresses the next values; true once all are. */
  #compress(): boolean {
    const { sealing } = this.#target
    const { compress } = compressionNamed(sealing.encrypt.compression)
    let bytes = 0
    for (let n = 0; n < STEP.records && bytes < STEP.bytes; n++) {
      const at = this.#sizes.length
      const pending = this.#pending[at]
      if (pending === undefined) return true
      const body = compress(pending.body)
      const size = byteLength(body)
      try {
        checkFitsDek(sealing, size)
      } catch (error) {
        throw located(error, this.#topic, this.#pathOf(pending.index))
      }
      bytes += byteLength(pending.body)
      this.#pending[at] = { ...pending, body }
      this.#sizes.push(size)
    }
    return this.#sizes.length === this.#pending.length
  }

  get isDone(): boolean {
    return this.#done === this.#pending.length
  }

  /**
   * Compresses a step, and seals as far as cached DEKs go, synchronously. True once all is sealed.
   * @throws EnvelopeError DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED, INVALID_RECORD
   */
  proceed(): boolean {
    if (this.isDone) return true
    if (!this.#isCompressed && !this.#compress()) return false
    while (this.#done < this.#pending.length) {
      const grant = this.#target.rotation.reserve(this.#sizes, this.#done)
      if (grant === undefined) return false
      try {
        this.#seal(grant)
      } finally {
        grant.release()
      }
    }
    this.#reportWait('ok')
    this.#report()
    return true
  }

  hold(): void {
    for (let i = this.#done; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as Pending
      this.#pending[i] = { ...pending, body: ownCopy(pending.body) }
    }
  }

  async complete(): Promise<void> {
    let waited: (() => number) | undefined
    while (!this.proceed()) {
      if (this.#isCompressed) {
        const leftMs =
          this.#target.sealing.encrypt.dekTimeoutMs - (waited ??= stopwatch(this.#target.clock))()
        await this.#ready(Math.max(0, leftMs))
      } else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  get #isCompressed(): boolean {
    return this.#sizes.length === this.#pending.length
  }

  async #ready(waitMs: number): Promise<void> {
    this.#waited ??= stopwatch(this.#target.clock)
    try {
      await this.#target.rotation.ready(waitMs)
    } catch (error) {
      this.#reportWait('failed', isEnvelopeError(error) ? error.code : undefined)
      throw error
    }
  }

  #reportWait(outcome: 'ok' | 'failed', code?: ErrorCode): void {
    if (this.#waited === undefined) return
    this.#target.rotation.waited(this.#waited(), outcome, code)
    this.#waited = undefined
  }

  #report(): void {
    const { sealing, events } = this.#target
    if (!events.has('batch.sealed')) return
    events.emit('batch.sealed', {
      rule: sealing.name,
      topic: this.#topic,
      messages: this.#pending.length,
      bytes: this.#bytes,
    })
  }

  #seal(grant: Grant): void {
    const { sealing, engine } = this.#target
    const { format, preamble, aad } = templateOf(grant.session, sealing, this.#topic)
    const jobs: SealJob[] = []
    const end = this.#done + grant.count
    for (let at = this.#done; at < end; at++) {
      const { body: plaintext, key, headers } = this.#pending[at] as Pending
      const { target, ivAt, tagAt, bodyAt } = format.frame(preamble, this.#sizes[at] as number)
      jobs.push({ plaintext, aad: format.aad(aad, key, headers), target, ivAt, tagAt, bodyAt })
    }
    engine.sealMany(grant.key, grant.firstCounter, jobs)
    for (const { target } of jobs) this.#values[(this.#pending[this.#done++] as Pending).index] = target
  }
}

/** @throws EnvelopeError DEK_LIMIT_TOO_SMALL where a record of `bytes` exceeds what a fresh DEK may seal */
function checkFitsDek({ name, encrypt }: WritingRule['sealing'], bytes: number): void {
  const { maxBytes } = encrypt.rotate
  if (bytes <= maxBytes) return
  throw new EnvelopeError(
    'DEK_LIMIT_TOO_SMALL',
    `a record of ${String(bytes)} bytes exceeds the ${String(maxBytes)} bytes that one DEK of rule ${name} may seal`,
  )
}
