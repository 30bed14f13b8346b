import type { Engine, SealJob } from '../crypto/engine.js'
import { aadBase, buildAad, byteLength, type Bytes, type HeaderValues } from '../envelope/aad.js'
import { IV_BYTES, TAG_BYTES } from '../envelope/bounds.js'
import { contextEntries } from '../envelope/context.js'
import { bodyStart, decodeHead, encodeHead, hasEnvelopePrefix } from '../envelope/envelope.js'
import { encodeHeader } from '../envelope/header.js'
import { lengthBytes, writeLengthAt } from '../envelope/write.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { EventHub } from '../events.js'
import type { SealingKey } from '../keys/sealing-key.js'
import type { SealingKeys, SealingRule } from '../keys/sealing-keys.js'
import type { Grant, SealingSession } from '../keys/sealing-session.js'
import { compressionNamed } from './compression.js'
import { boundHeaderValues, boundKey, checkIsRecord, describe, isBytes, type PlainRecord } from './record.js'
import type { RuleBook } from './rules.js'

/** Seals batches of records of one topic. */
export class Sealer {
  readonly #rules: RuleBook
  readonly #keys: SealingKeys
  readonly #engine: Engine
  readonly #events: EventHub

  constructor(rules: RuleBook, keys: SealingKeys, engine: Engine, events: EventHub) {
    this.#rules = rules
    this.#keys = keys
    this.#engine = engine
    this.#events = events
  }

  /**
   * Checks and compresses a batch; nothing of it is sealed yet.
   * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ALREADY_SEALED, TOMBSTONE_REJECTED,
   * DEK_LIMIT_TOO_SMALL, ENCRYPTION_CLOSED
   */
  begin(topic: string, records: readonly PlainRecord[]): Sealing {
    const rule = this.#rules.forWriting(topic)
    if (rule === 'passthrough') return new Sealing(undefined, checkedValues(records), [])
    const key = this.#keys.for(rule, topic)
    const sealing = new Sealing({ rule, topic, key, engine: this.#engine, events: this.#events }, [], [])
    sealing.add(records)
    return sealing
  }
}

interface SealingTarget {
  readonly rule: SealingRule
  readonly topic: string
  readonly key: SealingKey
  readonly engine: Engine
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

/** A batch on its way: sealed as far as DEKs are at hand. */
export class Sealing {
  /** The values to send, complete once `proceed` returned true. */
  readonly values: (Bytes | null)[]
  /** Which of the values are envelopes made here. */
  readonly sealed: readonly number[]
  readonly #target: SealingTarget | undefined
  readonly #pending: Pending[] = []
  readonly #sizes: number[] = []
  readonly #sealed: number[]
  #done = 0
  /** Bytes of values before sealing and compression; counted only where somebody listens. */
  #bytes = 0
  /** When it first waited for a DEK. */
  #waitsSince: number | undefined

  constructor(target: SealingTarget | undefined, values: (Bytes | null)[], sealed: number[]) {
    this.#target = target
    this.values = values
    this.sealed = this.#sealed = sealed
  }

  /** The rule's limit for a record batch; undefined where nothing is sealed. */
  get maxBatchBytes(): number | undefined {
    return this.#target?.rule.encrypt.maxBatchBytes
  }

  /** How long to wait for a DEK at most, in ms. */
  get keyWaitMs(): number {
    return this.#target?.rule.encrypt.keyWaitMs ?? 0
  }

  add(records: readonly PlainRecord[]): void {
    const { rule, topic, key, events } = this.#target as SealingTarget
    const { encrypt } = rule
    const counts = events.has('batch.sealed')
    const compression = compressionNamed(encrypt.compression)
    for (const [index, record] of records.entries()) {
      const value = checkedValue(record)
      this.values.push(value)
      if (value === null) {
        if (encrypt.tombstones === 'pass') continue
        throw new EnvelopeError('TOMBSTONE_REJECTED', `rule ${rule.name} refuses null values`, {
          position: { topic },
        })
      }
      if (typeof value !== 'string' && hasEnvelopePrefix(value)) {
        if (encrypt.forward && isEnvelope(value)) continue
        throw new EnvelopeError('ALREADY_SEALED', 'the value starts like an envelope', {
          position: { topic },
        })
      }
      const body = compression.compress(value)
      const size = byteLength(body)
      key.admit(size)
      if (counts) this.#bytes += body === value ? size : byteLength(value)
      this.#sizes.push(size)
      this.#sealed.push(index)
      this.#pending.push({
        index,
        body,
        key: encrypt.bindKey ? boundKey(record) : undefined,
        headers:
          encrypt.bindHeaders.length === 0 ? NO_HEADERS : boundHeaderValues(record, encrypt.bindHeaders),
      })
    }
  }

  /**
   * Seals as far as the DEKs at hand go, synchronously. False: call `ready`, then again.
   * @throws EnvelopeError ENCRYPTION_CLOSED
   */
  proceed(): boolean {
    if (this.#done === this.#pending.length) return true
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

  /** Waits for the next DEK. @throws EnvelopeError as `SealingKey.ready` does */
  async ready(waitMs: number): Promise<void> {
    this.#waitsSince ??= performance.now()
    try {
      await (this.#target as SealingTarget).key.ready(waitMs)
    } catch (error) {
      this.#reportWait('failed', isEnvelopeError(error) ? error.code : undefined)
      throw error
    }
  }

  #reportWait(outcome: 'ok' | 'failed', code?: ErrorCode): void {
    if (this.#waitsSince === undefined) return
    this.#target?.key.waited(performance.now() - this.#waitsSince, outcome, code)
    this.#waitsSince = undefined
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
    for (const { target } of jobs) this.values[(this.#pending[this.#done++] as Pending).index] = target
  }
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

/** Only a whole envelope passes as one: ten bytes in front of plaintext do not make it sealed. */
function isEnvelope(value: Buffer): boolean {
  const head = decodeHead(value)
  bodyStart(value, head.bytes.length)
  return true
}

function checkedValues(records: readonly PlainRecord[]): (Bytes | null)[] {
  return records.map(checkedValue)
}

function checkedValue(record: PlainRecord): Bytes | null {
  checkIsRecord(record)
  const { value } = record
  if (value === null || isBytes(value)) return value
  throw new EnvelopeError('INVALID_RECORD', `a value is ${describe(value)}`)
}
