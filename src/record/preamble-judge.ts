import { LRUCache } from 'lru-cache'
import { suiteOf } from '../crypto/suites.js'
import { aadBase } from '../envelope/aad.js'
import { bodyStart, decodeHead, headLength, type Head } from '../envelope/envelope.js'
import type { Header } from '../envelope/header.js'
import { EnvelopeError } from '../errors.js'
import { openingRequest, type OpeningRequest } from '../keys/opening/opening-request.js'
import type { CmkWrapping } from '../kms/cmk-set.js'
import type { Cmk } from '../kms/cmk.js'
import { compressionOf, type Compression } from './compression.js'
import type { EnvelopeInfo } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** A head that passed every check before unwrapping: all that opening needs, the same for each record that has it. */
export interface AcceptedPreamble {
  readonly length: number
  readonly aad: Buffer
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  readonly compression: Compression
  readonly request: OpeningRequest
  /** What was authenticated, given the CMK that opened it. */
  info(cmk: Cmk): EnvelopeInfo
}

/** Heads remembered per topic. Heads of a session repeat in each of its records. */
const MAX_HEADS = 1000

/**
 * Reads the heads of envelopes on one topic under its rule: structure, then everything that the header
 * says, in the order of checks. Bytes that were seen before are not parsed again.
 */
export class PreambleJudge {
  readonly #rule: ReadingRule
  readonly #topic: string
  readonly #known = new LRUCache<string, CachedPreamble>({ max: MAX_HEADS })
  #last: CachedPreamble | undefined

  constructor(rule: ReadingRule, topic: string) {
    this.#rule = rule
    this.#topic = topic
  }

  /**
   * The head of an envelope, or why it is refused, and its length.
   * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT, MALFORMED
   */
  read(value: Buffer): CachedPreamble {
    const last = this.#last
    if (last !== undefined && startsWith(value, last.bytes)) return last
    const name = value.toString('latin1', 0, headLength(value))
    let known = this.#known.get(name)
    if (known === undefined) {
      // Of a copy: what is remembered must not change, nor keep the whole fetch alive.
      const bytes = Buffer.from(name, 'latin1')
      bodyStart(value, bytes.length)
      known = { bytes, length: bytes.length, head: this.#check(decodeHead(bytes)) }
      this.#known.set(name, known)
    }
    this.#last = known
    return known
  }

  #check(head: Head): AcceptedPreamble | EnvelopeError {
    const { header } = head
    const { decrypt } = this.#rule
    const suite = suiteOf(header.suite)
    if (suite === undefined)
      return new EnvelopeError('UNKNOWN_SUITE', `suite ${String(header.suite)} is not known`)
    const compression = compressionOf(header.compression)
    if (compression === undefined) {
      return new EnvelopeError(
        'UNKNOWN_COMPRESSION',
        `compression ${String(header.compression)} is not known here`,
      )
    }
    if (!this.#isSealedFor(header.topic)) {
      return new EnvelopeError(
        'WRONG_TOPIC',
        `the record was sealed for topic ${header.topic} and read from ${this.#topic}`,
      )
    }
    const unmet = unmetRequirement(header, decrypt.require)
    if (unmet !== undefined)
      return new EnvelopeError('REQUIREMENT_UNMET', `rule ${this.#rule.name} requires ${unmet}`)
    const wrappings = this.#acceptedWrappings(head)
    if (wrappings.length === 0) return noCandidate(head, this.#rule)
    const { sessionId, commitment } = header
    const request = openingRequest({
      rule: this.#rule,
      context: Object.fromEntries(header.context),
      session: { suite, sessionId, commitment },
      wrappings,
    })
    return readable(head, compression, request)
  }

  #isSealedFor(topic: string): boolean {
    return (
      topic === this.#topic ||
      this.#rule.decrypt.originalTopics.some((origin) =>
        origin.endsWith('*') ? topic.startsWith(origin.slice(0, -1)) : topic === origin,
      )
    )
  }

  /** The rule's CMKs that wrapped the DEK, in the rule's order. */
  #acceptedWrappings({ wrappedDeks }: Head): CmkWrapping[] {
    const { cmks, decrypt } = this.#rule
    return cmks
      .matching(wrappedDeks)
      .filter(({ cmk }) => !cmk.publicKeyWraps || decrypt.acceptPublicKeySealing)
  }
}

/** A head that was read: accepted, or why not. */
interface CachedPreamble {
  readonly bytes: Buffer
  readonly length: number
  readonly head: AcceptedPreamble | EnvelopeError
}

function startsWith(value: Buffer, bytes: Buffer): boolean {
  return value.length >= bytes.length && value.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

function unmetRequirement(header: Header, require: ReadingRule['decrypt']['require']): string | undefined {
  if (require.bindKey && !header.keyBound) return 'the record key to be bound'
  const missing = require.bindHeaders.find((name) => !header.boundHeaders.includes(name))
  if (missing !== undefined) return `header ${JSON.stringify(missing)} to be bound`
  const unequal = Object.entries(require.context).find(
    ([key, value]) => !header.context.some(([k, v]) => k === key && v === value),
  )
  return unequal && `the context entry ${unequal.join('=')}`
}

function noCandidate({ wrappedDeks }: Head, rule: ReadingRule): EnvelopeError {
  const wrappings = wrappedDeks.map(({ provider, cmkId }) => `${provider} ${cmkId}`).join(', ')
  return new EnvelopeError('NO_CANDIDATE', `rule ${rule.name} accepts none of the wrappings: ${wrappings}`)
}

function readable(head: Head, compression: Compression, request: OpeningRequest): AcceptedPreamble {
  const { header, headerBytes, bytes } = head
  const { sessionId, topic, keyBound, boundHeaders } = header
  const { context, session } = request
  const infos = new Map<Cmk, EnvelopeInfo>()
  return {
    length: bytes.length,
    aad: aadBase(headerBytes),
    keyBound,
    boundHeaders,
    compression,
    request,
    info(cmk) {
      let info = infos.get(cmk)
      if (info === undefined) {
        info = Object.freeze({
          provider: cmk.provider,
          cmkId: cmk.id,
          sessionId: sessionId.toString('hex'),
          topic,
          keyBound,
          boundHeaders: Object.freeze([...boundHeaders]),
          context: Object.freeze({ ...context }),
          suite: session.suite.number,
          compression: compression.name,
        })
        infos.set(cmk, info)
      }
      return info
    },
  }
}
