import type { Engine, SealJob } from '../crypto/engine.js'
import { aadBase, buildAad, type HeaderValues } from '../envelope/aad.js'
import { IV_BYTES, TAG_BYTES } from '../envelope/bounds.js'
import { byteLength, ownCopy, type Bytes } from '../envelope/bytes.js'
import { contextEntries } from '../envelope/context.js'
import { bodyStart, decodeHead, encodeHead, hasEnvelopePrefix } from '../envelope/envelope.js'
import { encodeHeader } from '../envelope/header.js'
import { lengthBytes, writeLengthAt } from '../envelope/write.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { EventHub } from '../events.js'
import type { DekRotation } from '../keys/sealing/dek-rotation.js'
import type { DekRotations, SealingRule } from '../keys/sealing/dek-rotations.js'
import type { Grant, SealingSession } from '../keys/sealing/sealing-session.js'
import { stopwatch } from '../clock.js'
import { compressionNamed } from './compression.js'
import { boundHeaderValues, boundKey, describe, isBytes, type PlainRecord } from './record.js'
import type { TopicRules } from './topic-rules.js'
import { invalidTopic, isTopicName } from './topic.js'

/** Records of one topic. Keys and headers are nobody else's: what is authenticated is what will be sent. */
export interface SealingBatch {
  readonly topic: string
  readonly records: readonly PlainRecord[]
  /** Where a record is in what was passed to the call, for errors. */
  pathOf(index: number): string
}

/** Seals batches of records of one topic. */
export class Sealer {
  readonly #rules: TopicRules
  readonly #keys: DekRotations
  readonly #engine: Engine
  readonly #events: EventHub

  constructor(rules: TopicRules, keys: DekRotations, engine: Engine, events: EventHub) {
    this.#rules = rules
    this.#keys = keys
    this.#engine = engine
    this.#events = events
  }

  /** How long a send may wait for a DEK, under whichever rule. */
  get longestKeyWaitMs(): number {
    return this.#rules.longestKeyWaitMs
  }

  /**
   * Checks a batch; nothing of it is sealed yet.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ALREADY_SEALED, TOMBSTONE_REJECTED, TOO_LARGE,
   * DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED
   */
  begin(batch: SealingBatch): Sealing {
    const { topic } = batch
    // What stays plain is the broker's to refuse.
    if (!isTopicName(topic) && !this.#rules.isPassthrough(topic)) throw invalidTopic(topic)
    const rule = this.#rules.forWriting(topic)
    if (rule === 'passthrough') return new Sealing(undefined, batch)
    return new Sealing(
      {
        rule,
        topic,
        key: this.#keys.for(rule, topic),
        engine: this.#engine,
        events: this.#events,
        maxDecompressedBytes: this.#rules.maxDecompressedBytes(topic),
      },
      batch,
    )
  }
}

interface SealingTarget {
  readonly rule: SealingRule
  readonly topic: string
  readonly key: DekRotation
  readonly engine: Engine
  readonly events: EventHub
  readonly maxDecompressedBytes: number
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

/** A batch on its way: sealed as far as DEKs are at hand. */
export class Sealing {
  /** Which of the values are envelopes made here. */
  readonly sealed: number[] = []
  readonly #target: SealingTarget | undefined
  readonly #pathOf: SealingBatch['pathOf']
  readonly #values: (Bytes | null)[] = []
  readonly #pending: Pending[] = []
  /** Bytes of the bodies that are ready to be sealed. */
  readonly #sizes: number[] = []
  #done = 0
  /** Bytes of values before sealing and compression; counted only where somebody listens. */
  #bytes = 0
  /** How long it has waited for DEKs. */
  #waited: (() => number) | undefined

  /**
   * @param target undefined where nothing is sealed
   * @throws EnvelopeError as `Sealer.begin` does
   */
  constructor(target: SealingTarget | undefined, { topic, records, pathOf }: SealingBatch) {
    this.#target = target
    this.#pathOf = pathOf
    let index = 0
    try {
      for (; index < records.length; index++) this.#add(records[index] as PlainRecord, index)
    } catch (error) {
      throw located(error, topic, pathOf(index))
    }
  }

  /** The values to send. Not before all is sealed: until then some are plaintext. */
  get values(): readonly (Bytes | null)[] {
    if (this.#done < this.#pending.length) throw new Error('a batch is not sealed yet')
    return this.#values
  }

  /** The rule's limit for a record batch; undefined where nothing is sealed. */
  get maxBatchBytes(): number | undefined {
    return this.#target?.rule.encrypt.maxBatchBytes
  }

  #add(record: PlainRecord, index: number): void {
    const value = checkedValue(record)
    this.#values.push(value)
    if (this.#target === undefined) return
    const { rule, key, events, maxDecompressedBytes } = this.#target
    const { encrypt } = rule
    if (value === null) {
      if (encrypt.tombstones === 'pass') return
      throw new EnvelopeError('TOMBSTONE_REJECTED', `rule ${rule.name} refuses null values`)
    }
    if (typeof value !== 'string' && hasEnvelopePrefix(value)) {
      if (!encrypt.passSealed) throw new EnvelopeError('ALREADY_SEALED', 'the value starts like an envelope')
      // What was found to be an envelope must be what is sent, whatever becomes of the caller's buffer.
      const forwarded = ownCopy(value) as Buffer
      checkIsEnvelope(forwarded)
      this.#values[index] = forwarded
      return
    }
    const plainSize = byteLength(value)
    if (encrypt.compression === 'none') {
      key.admit(plainSize)
      this.#sizes.push(plainSize)
    } else if (plainSize > maxDecompressedBytes)
      throw new EnvelopeError(
        'TOO_LARGE',
        `a value of ${String(plainSize)} bytes exceeds what readers decompress, ${String(maxDecompressedBytes)} bytes`,
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
  #compress({ rule, topic, key }: SealingTarget): boolean {
    const { compress } = compressionNamed(rule.encrypt.compression)
    let bytes = 0
    for (let n = 0; n < STEP.records && bytes < STEP.bytes; n++) {
      const at = this.#sizes.length
      const pending = this.#pending[at]
      if (pending === undefined) return true
      const body = compress(pending.body)
      const size = byteLength(body)
      try {
        key.admit(size)
      } catch (error) {
        throw located(error, topic, this.#pathOf(pending.index))
      }
      bytes += byteLength(pending.body)
      this.#pending[at] = { ...pending, body }
      this.#sizes.push(size)
    }
    return this.#sizes.length === this.#pending.length
  }

  /**
   * Compresses a step, and seals as far as the DEKs at hand go, synchronously. False: call `hold`, then `complete`.
   * @throws EnvelopeError DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED, INVALID_RECORD
   */
  proceed(): boolean {
    if (this.#done === this.#pending.length) return true
    if (!this.#isCompressed && !this.#compress(this.#target as SealingTarget)) return false
    while (this.#done < this.#pending.length) {
      const target = this.#target as SealingTarget
      const grant = target.key.reserve(this.#sizes, this.#done)
      if (grant === undefined) return false
      try {
        this.#seal(target, grant)
      } finally {
        grant.release()
      }
    }
    this.#reportWait('ok')
    this.#report()
    return true
  }

  /** Takes copies of what is not sealed yet. To be called before the caller can change it. */
  hold(): void {
    for (let i = this.#done; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as Pending
      this.#pending[i] = { ...pending, body: ownCopy(pending.body) }
    }
    if (this.#target !== undefined) return
    for (const [i, value] of this.#values.entries()) if (value !== null) this.#values[i] = ownCopy(value)
  }

  /**
   * Seals the rest, waiting for DEKs as long as the rule allows from when the first is asked for.
   * @throws EnvelopeError as `DekRotation.ready` and `proceed` do
   */
  async complete(): Promise<void> {
    let waited: (() => number) | undefined
    const maxMs = this.#target?.rule.encrypt.dekTimeoutMs ?? 0
    while (!this.proceed()) {
      if (this.#isCompressed) await this.#ready(Math.max(0, maxMs - (waited ??= stopwatch())()))
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  get #isCompressed(): boolean {
    return this.#sizes.length === this.#pending.length
  }

  async #ready(waitMs: number): Promise<void> {
    this.#waited ??= stopwatch()
    try {
      await (this.#target as SealingTarget).key.ready(waitMs)
    } catch (error) {
      this.#reportWait('failed', isEnvelopeError(error) ? error.code : undefined)
      throw error
    }
  }

  #reportWait(outcome: 'ok' | 'failed', code?: ErrorCode): void {
    if (this.#waited === undefined) return
    this.#target?.key.waited(this.#waited(), outcome, code)
    this.#waited = undefined
  }

  #report(): void {
    const { rule, topic, events } = this.#target as SealingTarget
    if (!events.has('batch.sealed')) return
    events.emit('batch.sealed', {
      rule: rule.name,
      topic,
      messages: this.#pending.length,
      bytes: this.#bytes,
    })
  }

  #seal({ rule, topic, engine }: SealingTarget, grant: Grant): void {
    const { head, aad } = templateOf(grant.session, rule, topic)
    const ivAt = head.length
    const tagAt = ivAt + IV_BYTES
    const lengthAt = tagAt + TAG_BYTES
    const jobs: SealJob[] = []
    const end = this.#done + grant.count
    for (let at = this.#done; at < end; at++) {
      const { body: plaintext, key, headers } = this.#pending[at] as Pending
      const size = this.#sizes[at] as number
      const bodyAt = lengthAt + lengthBytes(size)
      const target = Buffer.allocUnsafe(bodyAt + size)
      head.copy(target)
      writeLengthAt(target, lengthAt, size)
      jobs.push({ plaintext, aad: buildAad(aad, key, headers), target, ivAt, tagAt, bodyAt })
    }
    engine.sealMany(grant.key, grant.firstCounter, jobs)
    for (const { target } of jobs) this.#values[(this.#pending[this.#done++] as Pending).index] = target
  }
}

function located(error: unknown, topic: string, path: string): unknown {
  return isEnvelopeError(error) ? error.at({ topic, path }) : error
}

const NO_HEADERS: readonly HeaderValues[] = []

/** What is the same in all envelopes of a session and topic. */
interface Template {
  readonly head: Buffer
  readonly aad: Buffer
}

const templates = new WeakMap<SealingSession, Map<string, Template>>()

function templateOf(session: SealingSession, rule: SealingRule, topic: string): Template {
  let ofSession = templates.get(session)
  if (ofSession === undefined) templates.set(session, (ofSession = new Map<string, Template>()))
  let template = ofSession.get(topic)
  if (template === undefined) {
    const header = encodeHeader({
      suite: session.suite,
      compression: compressionNamed(rule.encrypt.compression).number,
      keyBound: rule.encrypt.bindKey,
      boundHeaders: rule.encrypt.bindHeaders,
      topic,
      context: contextEntries(rule.encrypt.context),
      sessionId: session.id,
      commitment: session.commitment,
    })
    template = { head: encodeHead(session.wrappings, header), aad: aadBase(header) }
    // What we could not read ourselves must not leave: an over-long topic, a KMS that names itself badly.
    decodeHead(template.head)
    ofSession.set(topic, template)
  }
  return template
}

/**
 * Only a whole envelope passes as one: ten bytes in front of plaintext do not make it sealed.
 * @throws EnvelopeError UNKNOWN_FORMAT, MALFORMED
 */
function checkIsEnvelope(value: Buffer): void {
  bodyStart(value, decodeHead(value).bytes.length)
}

function checkedValue({ value }: PlainRecord): Bytes | null {
  if (value === null || isBytes(value)) return value
  throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`)
}
