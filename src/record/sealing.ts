// Not the global, which is a getter: its cost shows where it is called for each record.
import { Buffer } from 'node:buffer'
import { markAsUntransferable } from 'node:worker_threads'
import type { ContentKey } from '../crypto/content-key.js'
import { SEAL_PLACES, type Engine } from '../crypto/engine.js'
import { byteLength, ownCopy, type Bytes } from '../envelope/bytes.js'
import type { HeaderValues } from '../envelope/format.js'
import { checkEnvelope, hasEnvelopePrefix } from '../envelope/formats.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { EventHub } from '../events.js'
import type { DekRotation } from '../keys/sealing/dek-rotation.js'
import type { Grant } from '../keys/sealing/sealing-session.js'
import { stopwatch, type Clock } from '../clock.js'
import { Aads } from './aads.js'
import type { OutgoingBatch, PlainBatch } from './batch.js'
import { HeldValues } from './held-values.js'
import { PassedBatch } from './passed-batch.js'
import { boundHeaderValues, boundKey, checkedValue, located, type PlainRecord } from './record.js'
import { templateOf, type Template } from './template.js'
import type { WritingRule } from './topic-rules.js'
import { Turns } from './turns.js'

/** The batches of one send. */
export class Sealing {
  readonly batches: readonly OutgoingBatch[]
  readonly #turns: Turns

  private constructor(batches: readonly OutgoingBatch[], turns: Turns) {
    this.batches = batches
    this.#turns = turns
  }

  /** Checks all batches; then seals them as far as DEKs are available. @throws EnvelopeError as `Sealer.begin` does */
  static begin(batches: readonly PlainBatch[], targets: readonly (SealingTarget | 'passthrough')[]): Sealing {
    const turns = new Turns()
    const outgoing = batches.map((batch, i) => {
      const target = targets[i] as SealingTarget | 'passthrough'
      return target === 'passthrough' ? new PassedBatch(batch) : new SealedBatch(batch, target, turns)
    })
    for (const batch of outgoing) batch.proceed()
    return new Sealing(outgoing, turns)
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
    try {
      await Promise.all(this.batches.map((batch) => batch.complete()))
    } finally {
      this.#turns.stop()
    }
  }
}

/** The parts that sealing the batches of a topic uses. */
export interface SealingTarget extends WritingRule {
  readonly rotation: DekRotation
  readonly engine: Engine
  readonly clock: Clock
  readonly events: EventHub
}

/** Envelopes share memory up to this size, so that one that is kept does not keep a whole batch. */
const SHARED_BYTES = 2 ** 16

/** Memory that the calls of the engine for one grant use again. */
interface Layout {
  readonly aads: Aads
  readonly places: Uint32Array
}

/** A batch of a topic whose rule encrypts. */
class SealedBatch implements OutgoingBatch {
  /** The records to seal, by their index. */
  readonly sealed: number[]
  readonly #topic: string
  readonly #pathOf: PlainBatch['pathOf']
  readonly #target: SealingTarget
  readonly #turns: Turns
  /** The value of each record: what is to be sealed until it is, then its envelope. */
  readonly #values: (Bytes | null)[]
  /** The key of each record that is sealed; none if the rule binds no key. */
  readonly #keys: (Bytes | null | undefined)[]
  /** The same for bound headers. */
  readonly #headers: (readonly HeaderValues[] | undefined)[]
  /** Bytes of the bodies of `sealed`, in the same order; of those that are compressed, if the rule compresses. */
  readonly #sizes: number[]
  /** How many bodies have got their size. */
  #sized = 0
  #done = 0
  /** How many values were taken to be compressed or sealed. The others are in `#held`, if the batch is held. */
  #taken = 0
  #held: HeldValues | undefined
  /** Bytes of values before sealing and compression. */
  #bytes = 0
  /** Values that are envelopes already, and their bytes. */
  readonly #passed = { messages: 0, bytes: 0 }
  /** Whether it cannot go on before there is a DEK. */
  #needsDek = false
  /** How long it has waited for DEKs: not how long it took to seal in between. */
  #waitedMs: number | undefined

  /** Checks the records; nothing is sealed yet. @throws EnvelopeError as `Sealer.begin` does */
  constructor({ topic, records, pathOf }: PlainBatch, target: SealingTarget, turns: Turns) {
    this.#topic = topic
    this.#pathOf = pathOf
    this.#target = target
    this.#turns = turns
    const { bindKey, bindHeaders } = target.sealing.encrypt
    // Not by `push`: a list that grows is copied many times, and its memory makes V8 collect garbage.
    this.#values = new Array<Bytes | null>(records.length)
    this.#keys = new Array<Bytes | null>(bindKey ? records.length : 0)
    this.#headers = new Array<readonly HeaderValues[]>(bindHeaders.length > 0 ? records.length : 0)
    this.sealed = new Array<number>(records.length)
    this.#sizes = new Array<number>(records.length)
    let index = 0
    let count = 0
    try {
      for (; index < records.length; index++)
        if (this.#add(records[index] as PlainRecord, index)) this.sealed[count++] = index
    } catch (error) {
      throw located(error, topic, pathOf(index))
    }
    // Not for each batch: V8 sets lengths slowly, which shows where a send is of one record.
    if (count < records.length) this.sealed.length = this.#sizes.length = count
    turns.checked(records.length)
  }

  get values(): readonly (Bytes | null)[] {
    if (!this.isDone) throw new Error('a batch is not sealed yet')
    return this.#values
  }

  get maxBatchBytes(): number {
    return this.#target.sealing.encrypt.maxBatchBytes
  }

  /** Whether the record is to be sealed. */
  #add(record: PlainRecord, index: number): boolean {
    const value = checkedValue(record)
    this.#values[index] = value
    const { sealing, compression, maxDecompressedBytes } = this.#target
    const { encrypt } = sealing
    if (value === null) {
      if (encrypt.tombstones === 'pass') return false
      throw new EnvelopeError('TOMBSTONE_REJECTED', `rule ${sealing.name} refuses null values`)
    }
    if (typeof value !== 'string' && hasEnvelopePrefix(value)) {
      if (!encrypt.passSealed)
        throw new EnvelopeError('ALREADY_SEALED', 'the value starts with the prefix of an envelope')
      // The bytes that were checked to be an envelope must be the bytes that are sent, even if the caller changes its
      // buffer.
      const forwarded = ownCopy(value) as Buffer
      checkEnvelope(forwarded)
      this.#values[index] = forwarded
      this.#passed.messages++
      this.#passed.bytes += forwarded.length
      return false
    }
    const plainSize = byteLength(value)
    if (compression.name === 'none') {
      checkFitsDek(sealing, plainSize)
      this.#sizes[this.#sized++] = plainSize
    } else if (plainSize > maxDecompressedBytes)
      throw new EnvelopeError(
        'TOO_LARGE',
        `a value of ${String(plainSize)} bytes exceeds the ${String(maxDecompressedBytes)} bytes that readers decompress`,
      )
    this.#bytes += plainSize
    if (encrypt.bindKey) this.#keys[index] = boundKey(record)
    if (encrypt.bindHeaders.length > 0) this.#headers[index] = boundHeaderValues(record, encrypt.bindHeaders)
    return true
  }

  /** Compresses the next values, as many as this turn of the event loop may. */
  #compress(): void {
    const { sealing, compression } = this.#target
    while (!this.#isCompressed && !this.#turns.isOver) {
      const index = this.sealed[this.#sized] as number
      const plaintext = this.#take(index)
      const body = compression.compress(plaintext)
      const size = byteLength(body)
      try {
        checkFitsDek(sealing, size)
      } catch (error) {
        throw located(error, this.#topic, this.#pathOf(index))
      }
      this.#turns.compressed(byteLength(plaintext))
      this.#values[index] = body
      this.#sizes[this.#sized++] = size
    }
  }

  get isDone(): boolean {
    return this.#done === this.sealed.length
  }

  /**
   * Compresses and seals as much as this turn of the event loop may, as far as DEKs are available.
   * @throws EnvelopeError DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED, INVALID_RECORD
   */
  proceed(): void {
    if (this.isDone) {
      this.#reportPassed()
      return
    }
    this.#compress()
    if (!this.#isCompressed) return
    this.#needsDek = false
    const start = this.#done
    const end = this.#turns.endOf(this.#sizes, start)
    const sizes = this.#sizes.slice(start, end)
    while (this.#done < end) {
      const grant = this.#target.rotation.reserve(sizes, this.#done - start)
      this.#needsDek = grant === undefined
      if (grant === undefined) return
      try {
        this.#seal(grant)
      } finally {
        grant.release()
      }
    }
    if (end < this.sealed.length) return
    this.#held = undefined
    this.#reportWait('ok')
    this.#report()
    this.#reportPassed()
  }

  hold(): void {
    this.#held = new HeldValues(this.sealed.length - this.#taken)
    for (let i = this.#taken; i < this.sealed.length; i++) {
      const index = this.sealed[i] as number
      this.#held.put(this.#values[index] as Bytes)
      this.#values[index] = null
    }
  }

  async complete(): Promise<void> {
    try {
      while (!this.isDone) {
        if (this.#needsDek) await this.#ready()
        else await this.#turns.next()
        if (this.#turns.stopped) return
        this.proceed()
      }
    } catch (error) {
      this.#reportWait('failed', isEnvelopeError(error) ? error.code : undefined)
      throw error
    }
  }

  /** The value of the next record, as it was when the batch was held. */
  #take(index: number): Bytes {
    this.#taken++
    return this.#held?.take() ?? (this.#values[index] as Bytes)
  }

  /** What is encrypted of the next record: its value, or that compressed. */
  #bodyOf(index: number): Bytes {
    return this.#target.compression.name === 'none' ? this.#take(index) : (this.#values[index] as Bytes)
  }

  get #isCompressed(): boolean {
    return this.#sized === this.sealed.length
  }

  async #ready(): Promise<void> {
    const { rotation, clock, sealing } = this.#target
    const before = this.#waitedMs ?? 0
    const waited = stopwatch(clock)
    try {
      await rotation.ready(Math.max(0, sealing.encrypt.dekTimeoutMs - before))
    } finally {
      this.#waitedMs = before + waited()
    }
  }

  #reportWait(outcome: 'ok' | 'failed', code?: ErrorCode): void {
    if (this.#waitedMs === undefined) return
    this.#target.rotation.waited(this.#waitedMs, outcome, code)
    this.#waitedMs = undefined
  }

  #report(): void {
    const { sealing, events } = this.#target
    if (!events.has('batch.sealed')) return
    events.emit('batch.sealed', {
      rule: sealing.name,
      topic: this.#topic,
      messages: this.sealed.length,
      bytes: this.#bytes,
    })
  }

  /** Once: a batch that is done may be told to proceed again. */
  #reportPassed(): void {
    const { messages, bytes } = this.#passed
    if (messages === 0) return
    this.#passed.messages = 0
    const { sealing, events } = this.#target
    events.emit('sealed.passed', { rule: sealing.name, topic: this.#topic, messages, bytes })
  }

  #seal({ session, key, firstCounter, count }: Grant): void {
    const first = this.#done
    const end = first + count
    this.#turns.sealed(this.#sizes, first, end)
    const template = templateOf(session, this.#target, this.#topic)
    const aads = new Aads()
    const places = new Uint32Array(SEAL_PLACES * count)
    while (this.#done < end) {
      const counter = firstCounter + this.#done - first
      this.#sealSome(template, { aads, places }, key, counter, end)
    }
  }

  /** Seals the next envelopes into memory that they share, at least one. */
  #sealSome(
    { format, preamble, aad }: Template,
    { aads, places: room }: Layout,
    key: ContentKey,
    firstCounter: number,
    end: number,
  ): void {
    const from = this.#done
    let to = from
    let bytes = 0
    for (; to < end; to++) {
      const envelope = format.envelopeBytes(preamble, this.#sizes[to] as number)
      if (to > from && bytes + envelope > SHARED_BYTES) break
      bytes += envelope
    }
    const target = Buffer.allocUnsafe(bytes)
    const { buffer: memory, byteOffset } = target
    // A worker that is handed one envelope must not get the memory of the others.
    if (to - from > 1) markAsUntransferable(memory)
    aads.clear()
    const numbers = SEAL_PLACES * (to - from)
    // Node.js creates views slowly.
    const places = numbers === room.length ? room : room.subarray(0, numbers)
    const plaintexts: Bytes[] = []
    const sizes = this.#sizes
    const ivOffset = preamble.length
    const tagOffset = ivOffset + format.sizes.iv
    let at = 0
    for (let i = from, place = 0; i < to; i++) {
      const index = this.sealed[i] as number
      aads.add(format, aad, this.#keys[index], this.#headers[index])
      const bodyAt = format.writeFrame(target, at, preamble, sizes[i] as number)
      const bodyEnd = bodyAt + (sizes[i] as number)
      places[place++] = at + ivOffset
      places[place++] = at + tagOffset
      places[place++] = bodyAt
      places[place++] = bodyEnd
      places[place++] = aads.start
      places[place++] = aads.end
      plaintexts.push(this.#bodyOf(index))
      // A send lives on until the broker answers; its plaintext need not.
      this.#values[index] = Buffer.from(memory, byteOffset + at, bodyEnd - at)
      at = bodyEnd
    }
    this.#target.engine.sealMany(key, firstCounter, { plaintexts, target, aads: aads.bytes, places })
    // Only now: the values of a batch that is not done are not for sending.
    this.#done = to
  }
}

/** @throws EnvelopeError DEK_LIMIT_TOO_SMALL if even a new DEK may not seal a record of `bytes` */
function checkFitsDek({ name, encrypt }: WritingRule['sealing'], bytes: number): void {
  const { maxBytes } = encrypt.rotate
  if (bytes <= maxBytes) return
  throw new EnvelopeError(
    'DEK_LIMIT_TOO_SMALL',
    `a record of ${String(bytes)} bytes exceeds the ${String(maxBytes)} bytes that one DEK of rule ${name} may seal`,
  )
}
