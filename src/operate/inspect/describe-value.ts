import type { Format, Header, Wrappings } from '../../envelope/format.js'
import { fingerprintOf, formatOf } from '../../envelope/formats.js'
import { isEnvelopeError } from '../../errors.js'
import type { EnvelopeInfo } from '../../record/record.js'
import { sha256 } from '../sha256.js'

/** What a value is, as far as that can be seen without a key. Nothing of it is authenticated, or plaintext. */
export type ValueDescription =
  | { readonly form: 'tombstone' }
  | EnvelopeDescription
  /** Avro single-object encoding of another schema. Without `fingerprint`, the value ends within it. */
  | { readonly form: 'avro'; readonly bytes: number; readonly fingerprint?: string }
  /** It starts as the wire format of Confluent's Schema Registry does: a zero byte, and four more. */
  | { readonly form: 'confluent'; readonly bytes: number }
  | { readonly form: 'plaintext'; readonly bytes: number }

/** An envelope. If it is malformed, the parts that could be read are there. */
export interface EnvelopeDescription {
  readonly form: 'envelope'
  /** The version of the format. */
  readonly version: number
  readonly bytes: number
  /** What is wrong with its structure. */
  readonly malformed?: string
  readonly wrappings?: readonly WrappingDescription[]
  readonly header?: HeaderDescription
  /** 24 hex digits. */
  readonly iv?: string
  readonly bodyBytes?: number
  /** The bytes that the envelope adds to its body. */
  readonly overheadBytes?: number
}

export interface WrappingDescription {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertextDek: {
    readonly bytes: number
    /** 64 hex digits. Records with the same DEK have the same, until the DEK is wrapped again. */
    readonly sha256: string
  }
}

export interface HeaderDescription {
  /** A number, also an unknown one. */
  readonly suite: number
  readonly compression: {
    readonly number: number
    /** Absent if the number is unknown. */
    readonly name?: EnvelopeInfo['compression']
  }
  /** The SHA-256 of the dictionary, 64 hex digits. */
  readonly dictionary?: string
  readonly keyBound: boolean
  readonly boundHeaders: readonly string[]
  /** The topic that the record was sealed for. */
  readonly topic: string
  readonly context: Readonly<Record<string, string>>
  /** 32 hex digits. */
  readonly sessionId: string
  /** 64 hex digits. */
  readonly commitment: string
}

type Hash = (bytes: Uint8Array) => Promise<string>

/** The shortest value in the wire format of Confluent's Schema Registry: a zero byte and the number of a schema. */
const CONFLUENT_BYTES = 5
const COMPRESSIONS: readonly EnvelopeInfo['compression'][] = ['none', 'gzip', 'zstd', 'deflate-dictionary']

/** @param hash the SHA-256 of a ciphertext DEK, for callers that remember those of many records */
export async function describeValue(value: Buffer | null, hash: Hash = sha256): Promise<ValueDescription> {
  if (value === null) return { form: 'tombstone' }
  const format = formatOrCode(value)
  const bytes = value.length
  switch (format) {
    case 'NOT_SEALED':
      return { form: value[0] === 0 && bytes >= CONFLUENT_BYTES ? 'confluent' : 'plaintext', bytes }
    case 'UNKNOWN_FORMAT':
      return { form: 'avro', bytes, fingerprint: fingerprintOf(value) }
    case 'MALFORMED':
      return { form: 'avro', bytes }
    default:
      return describeEnvelope(format, value, hash)
  }
}

function formatOrCode(value: Buffer): Format | 'NOT_SEALED' | 'UNKNOWN_FORMAT' | 'MALFORMED' {
  try {
    return formatOf(value)
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    if (error.code === 'NOT_SEALED' || error.code === 'UNKNOWN_FORMAT' || error.code === 'MALFORMED')
      return error.code
    throw error
  }
}

async function describeEnvelope(format: Format, value: Buffer, hash: Hash): Promise<EnvelopeDescription> {
  const { wrappings, header, bodyAt, malformed } = parts(format, value)
  const ivAt = wrappings?.bytes.length ?? 0
  return {
    form: 'envelope',
    version: format.version,
    bytes: value.length,
    ...(malformed !== undefined && { malformed }),
    ...(wrappings && {
      wrappings: await Promise.all(wrappings.wrappedDeks.map((each) => describeWrapping(each, hash))),
    }),
    ...(header && { header: describeHeader(header) }),
    ...(bodyAt !== undefined && {
      iv: value.toString('hex', ivAt, ivAt + format.sizes.iv),
      bodyBytes: value.length - bodyAt,
      overheadBytes: bodyAt,
    }),
  }
}

/** The parts that can be read, and what is wrong first, in the order of checks. */
function parts(
  format: Format,
  value: Buffer,
): {
  readonly wrappings: Wrappings | undefined
  readonly bodyAt: number | undefined
  readonly header: Header | undefined
  readonly malformed: string | undefined
} {
  let malformed: string | undefined
  const readable = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      malformed ??= error.what
      return undefined
    }
  }
  const wrappings = readable(() => format.decodeWrappings(value))
  const bodyAt = wrappings && readable(() => format.bodyStart(value, wrappings.bytes.length))
  const header = wrappings && readable(() => format.decodeHeader(wrappings.headerBytes))
  return { wrappings, bodyAt, header, malformed }
}

async function describeWrapping(
  { provider, cmkId, ciphertextDek }: Wrappings['wrappedDeks'][number],
  hash: Hash,
): Promise<WrappingDescription> {
  return {
    provider,
    cmkId,
    ciphertextDek: { bytes: ciphertextDek.length, sha256: await hash(ciphertextDek) },
  }
}

function describeHeader(header: Header): HeaderDescription {
  const { suite, compression, dictionary, keyBound, boundHeaders, topic, context } = header
  const name = COMPRESSIONS[compression]
  return {
    suite,
    compression: { number: compression, ...(name && { name }) },
    ...(dictionary.length > 0 && { dictionary: dictionary.toString('hex') }),
    keyBound,
    boundHeaders,
    topic,
    context: Object.fromEntries(context),
    sessionId: header.sessionId.toString('hex'),
    commitment: header.commitment.toString('hex'),
  }
}
