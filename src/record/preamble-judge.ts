import { LRUCache } from 'lru-cache'
import { suiteOf } from '../crypto/suites.js'
import type { Format, Header, Preamble } from '../envelope/format.js'
import { formatOf } from '../envelope/formats.js'
import { EnvelopeError } from '../errors.js'
import { openingRequest, type OpeningRequest } from '../keys/opening/opening-request.js'
import type { CmkWrapping } from '../kms/cmk-set.js'
import type { Cmk } from '../kms/cmk.js'
import { compressionOf, DEFLATE_DICTIONARY, type Compression } from './compression.js'
import type { Checking } from './order-of-checks.js'
import type { EnvelopeInfo } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/**
 * A preamble that passed every check before unwrapping, with everything that opening needs. Records with the same
 * preamble share it.
 */
export interface AcceptedPreamble {
  readonly format: Format
  /** The preamble itself. Each record that has it begins with these bytes. */
  readonly bytes: Buffer
  readonly aad: Buffer
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  readonly compression: Compression
  readonly request: OpeningRequest
  /** The authenticated data, one entry for each CMK of the request that may open it. */
  readonly infos: ReadonlyMap<Cmk, EnvelopeInfo>
}

/** Number of preambles remembered for each topic. A session's preamble repeats in each of its records. */
const MAX_PREAMBLES = 1000

/**
 * Checks the preambles of envelopes on one topic against its rule: first the structure, then the header, in the order
 * of checks. Bytes that were seen before are not parsed again.
 */
export class PreambleJudge {
  readonly #rule: ReadingRule
  readonly #topic: string
  /** Bounded by size, not by `max`, for which the cache would set memory aside for each topic at once. */
  readonly #known = new LRUCache<string, CachedPreamble>({
    maxSize: MAX_PREAMBLES,
    sizeCalculation: () => 1,
  })
  #last: CachedPreamble | undefined

  constructor(rule: ReadingRule, topic: string) {
    this.#rule = rule
    this.#topic = topic
  }

  /**
   * The preamble of an envelope, or why it is refused; and the length of the preamble.
   * @param checking hears of each check, unless the preamble was seen before
   * @throws EnvelopeError NOT_SEALED, UNKNOWN_FORMAT, MALFORMED
   */
  read(value: Buffer, checking?: Checking): CachedPreamble {
    const last = this.#last
    if (last !== undefined && startsWith(value, last.bytes)) return last
    checking?.('prefix')
    const format = formatOf(value)
    checking?.('envelope')
    const name = value.toString('latin1', 0, format.preambleLength(value))
    let known = this.#known.get(name)
    if (known === undefined) {
      // Parsed from a copy: a remembered preamble must not change, nor keep the whole fetch alive.
      const bytes = Buffer.from(name, 'latin1')
      format.bodyStart(value, bytes.length)
      const wrappings = format.decodeWrappings(bytes)
      checking?.('header')
      const header = format.decodeHeader(wrappings.headerBytes)
      known = { format, bytes, preamble: this.#judge(format, { ...wrappings, header }, checking) }
      this.#known.set(name, known)
    }
    this.#last = known
    return known
  }

  #judge(format: Format, preamble: Preamble, checking?: Checking): AcceptedPreamble | EnvelopeError {
    const { header } = preamble
    const { decrypt } = this.#rule
    checking?.('suite')
    const suite = suiteOf(header.suite)
    if (suite === undefined)
      return new EnvelopeError('UNKNOWN_SUITE', `unknown cipher suite ${String(header.suite)}`)
    checking?.('compression')
    const compression = this.#compressionOf(header)
    if (compression === undefined) return unknownCompression(header)
    checking?.('topic')
    if (!this.#isSealedFor(header.topic)) {
      return new EnvelopeError(
        'WRONG_TOPIC',
        `the record was sealed for topic ${header.topic} and read from ${this.#topic}`,
      )
    }
    checking?.('requirements')
    const unmet = unmetRequirement(header, decrypt.require)
    if (unmet !== undefined)
      return new EnvelopeError('REQUIREMENT_UNMET', `rule ${this.#rule.name} requires ${unmet}`)
    checking?.('candidates')
    const wrappings = this.#acceptedWrappings(preamble)
    if (wrappings.length === 0) return noCandidate(preamble, this.#rule)
    const { sessionId, commitment } = header
    const request = openingRequest({
      rule: this.#rule,
      context: Object.fromEntries(header.context),
      session: { suite, sessionId, commitment },
      wrappings,
    })
    return accepted(format, preamble, compression, request)
  }

  #compressionOf({ compression, dictionary }: Header): Compression | undefined {
    return compression === DEFLATE_DICTIONARY
      ? this.#rule.dictionaries.withHash(dictionary)
      : compressionOf(compression)
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
  #acceptedWrappings({ wrappedDeks }: Preamble): CmkWrapping[] {
    const { cmks, decrypt } = this.#rule
    return cmks
      .matching(wrappedDeks)
      .filter(({ cmk }) => !cmk.publicKeyWraps || decrypt.acceptPublicKeySealing)
  }
}

/** A parsed preamble: accepted, or why not. */
interface CachedPreamble {
  readonly format: Format
  readonly bytes: Buffer
  readonly preamble: AcceptedPreamble | EnvelopeError
}

/** Whether a value starts with these bytes. */
export function startsWith(value: Buffer, bytes: Buffer): boolean {
  return value.length >= bytes.length && value.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

function unknownCompression({ compression, dictionary }: Header): EnvelopeError {
  return compression === DEFLATE_DICTIONARY
    ? new EnvelopeError(
        'DICTIONARY_UNKNOWN',
        `this reader has no dictionary with the SHA-256 ${dictionary.toString('hex')}`,
      )
    : new EnvelopeError(
        'UNKNOWN_COMPRESSION',
        `this reader does not support compression ${String(compression)}`,
      )
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

function noCandidate({ wrappedDeks }: Preamble, rule: ReadingRule): EnvelopeError {
  const wrappings = wrappedDeks.map(({ provider, cmkId }) => `${provider} ${cmkId}`).join(', ')
  return new EnvelopeError('NO_CANDIDATE', `rule ${rule.name} accepts none of the wrappings: ${wrappings}`)
}

function accepted(
  format: Format,
  { header, headerBytes, bytes }: Preamble,
  compression: Compression,
  request: OpeningRequest,
): AcceptedPreamble {
  const { sessionId, topic, keyBound, boundHeaders, dictionary } = header
  const { context, session, candidates } = request
  const common = {
    sessionId: sessionId.toString('hex'),
    topic,
    keyBound,
    boundHeaders: Object.freeze([...boundHeaders]),
    context: Object.freeze({ ...context }),
    suite: session.suite.number,
    compression: compression.name,
    dictionary: dictionary.length === 0 ? undefined : dictionary.toString('hex'),
  }
  return {
    format,
    bytes,
    aad: format.aadBase(headerBytes),
    keyBound,
    boundHeaders,
    compression,
    request,
    infos: new Map(
      candidates.map(({ cmk }) => [cmk, Object.freeze({ provider: cmk.provider, cmkId: cmk.id, ...common })]),
    ),
  }
}
