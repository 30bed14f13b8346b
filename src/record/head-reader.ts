import { LRUCache } from 'lru-cache'
import { suiteOf, type Suite } from '../crypto/suites.js'
import { aadBase } from '../envelope/aad.js'
import { canonicalContext } from '../envelope/context.js'
import { bodyStart, decodeHead, headLength, type Head } from '../envelope/envelope.js'
import type { Header } from '../envelope/header.js'
import { EnvelopeError } from '../errors.js'
import type { Candidate, OpeningRequest } from '../keys/opening/opening-keys.js'
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
    if (!decrypt.require.suites.includes(suite.number)) {
      return new EnvelopeError(
        'SUITE_NOT_ALLOWED',
        `suite ${String(suite.number)} is not accepted by rule ${this.#rule.name}`,
      )
    }
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
    const candidates = this.#candidates(head)
    if (candidates.length === 0) return noCandidate(head, this.#rule)
    return readable(head, suite, compression, candidates)
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
  #candidates({ wrappedDeks, header }: Head): Candidate[] {
    const context = canonicalContext(Object.fromEntries(header.context))
    return this.#rule.cmks.flatMap((cmk) => {
      if (cmk.publicKeyWraps && !this.#rule.decrypt.acceptPublicKeySealing) return []
      const wrapped = wrappedDeks.find(({ provider, cmkId }) => provider === cmk.provider && cmkId === cmk.id)
      if (wrapped === undefined) return []
      const { ciphertextDek } = wrapped
      const name = JSON.stringify([
        this.#rule.name,
        cmk.kmsName,
        cmk.provider,
        cmk.id,
        context,
        ciphertextDek.toString('base64'),
      ])
      return [{ cmk, ciphertextDek, name }]
    })
  }
}

/** A head that was decrypt, and what came of it. */
interface CachedPreamble {
  readonly bytes: Buffer
  readonly length: number
  readonly head: AcceptedPreamble | EnvelopeError
}

function startsWith(value: Buffer, bytes: Buffer): boolean {
  return value.length >= bytes.length && value.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

function unmetRequirement(header: Header, require: ReadingRule['decrypt']['require']): string | undefined {
  if (require.keyBound && !header.keyBound) return 'the record key to be bound'
  const missing = require.headers.find((name) => !header.boundHeaders.includes(name))
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

function readable(
  head: Head,
  suite: Suite,
  compression: Compression,
  candidates: Candidate[],
): AcceptedPreamble {
  const { header, headerBytes, bytes } = head
  const { sessionId, commitment, topic, keyBound, boundHeaders } = header
  const context = Object.fromEntries(header.context)
  const infos = new Map<Cmk, EnvelopeInfo>()
  return {
    length: bytes.length,
    aad: aadBase(headerBytes),
    keyBound,
    boundHeaders,
    compression,
    request: {
      candidates,
      context,
      session: { suite, sessionId, commitment },
      sessionName: `${String(suite.number)} ${sessionId.toString('hex')} ${commitment.toString('hex')}`,
    },
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
          suite: suite.number,
          compression: compression.name,
        })
        infos.set(cmk, info)
      }
      return info
    },
  }
}
