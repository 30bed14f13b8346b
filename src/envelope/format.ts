import type { Bytes } from './bytes.js'

/** One wrapping of the DEK. */
export interface WrappedDek {
  readonly provider: string
  readonly cmkId: string
  readonly ciphertextDek: Buffer
}

/** The authenticated header of an envelope. */
export interface Header {
  readonly suite: number
  readonly compression: number
  /** The SHA-256 of the dictionary of the compression; empty if it has none. */
  readonly dictionary: Buffer
  readonly keyBound: boolean
  /** Strictly ascending by UTF-8 bytes. */
  readonly boundHeaders: readonly string[]
  readonly topic: string
  /** Entries strictly ascending by the keys' bytes. */
  readonly context: readonly (readonly [key: string, value: string])[]
  readonly sessionId: Buffer
  readonly commitment: Buffer
}

/** Everything in an envelope before its IV, with the header as it stands. */
export interface Wrappings {
  readonly bytes: Buffer
  readonly wrappedDeks: readonly WrappedDek[]
  /** The header's exact bytes, which are authenticated. */
  readonly headerBytes: Buffer
}

/**
 * Everything in an envelope before its IV, parsed, and the bytes it was parsed from. Constant for a session and topic.
 */
export interface Preamble extends Wrappings {
  readonly header: Header
}

/** Values of one record header in record order. */
export type HeaderValues = readonly (Bytes | null)[]

/** The values that determine the length of a header. */
export interface HeaderShape {
  readonly hasDictionary: boolean
  readonly boundHeaders: readonly string[]
  readonly topic: string
  readonly context: Readonly<Record<string, string>>
}

/** The values that determine the length of an envelope. */
export interface EnvelopeShape extends HeaderShape {
  readonly wrappings: readonly {
    readonly provider: string
    readonly cmkId: string
    readonly ciphertextDekBytes: number
  }[]
  /** The length of the value, after compression. */
  readonly bodyBytes: number
}

/** Lengths in bytes, before anything is sealed. */
export interface FormatSizes {
  readonly iv: number
  readonly tag: number
  /** The bytes that an envelope adds to its body. */
  overhead(envelope: EnvelopeShape): number
  header(header: HeaderShape): number
  /** The part of the header that a context takes. */
  context(entries: readonly (readonly [key: string, value: string])[]): number
}

/**
 * One version of the wire format, complete: how its envelopes start, the codec of its schema, what is authenticated, and
 * sizes. A new version is a row in `formats.ts`.
 */
export interface Format {
  /** Its number in the name of its schema, `schemas/envelope.v1.avsc`. */
  readonly version: number
  /** Every envelope starts with it: the marker of Avro's single-object encoding, then the fingerprint of the schema. */
  readonly prefix: Buffer
  readonly sizes: FormatSizes

  /** The canonical bytes of a header whose members are within bounds and in order. */
  encodeHeader(header: Header): Buffer
  encodePreamble(wrappedDeks: readonly WrappedDek[], headerBytes: Buffer): Buffer
  /** The length of an envelope. */
  envelopeBytes(preamble: Buffer, bodyBytes: number): number
  /**
   * Writes an envelope at `at`, apart from its IV, tag and body, and returns where the body starts. The IV follows the
   * preamble, and the tag follows the IV.
   */
  writeFrame(target: Buffer, at: number, preamble: Buffer, bodyBytes: number): number

  /**
   * The length of the preamble, found by a quick walk over its lengths. A reader that has parsed the same bytes before
   * can so skip parsing. The value starts with the prefix.
   * @throws EnvelopeError MALFORMED
   */
  preambleLength(value: Buffer): number
  /**
   * Parses the preamble at the start of a value, which starts with the prefix. The result views `value`.
   * @throws EnvelopeError MALFORMED
   */
  decodePreamble(value: Buffer): Preamble
  /**
   * The first part of `decodePreamble`, which leaves the header as it stands; `decodeHeader` is the second.
   * @throws EnvelopeError MALFORMED
   */
  decodeWrappings(value: Buffer): Wrappings
  /** @throws EnvelopeError MALFORMED */
  decodeHeader(headerBytes: Buffer): Header
  /**
   * Where the body starts, given where the IV does; the body reaches to the end of the value.
   * @throws EnvelopeError MALFORMED
   */
  bodyStart(value: Buffer, ivAt: number): number

  /** The part of the AAD that is the same for all records of a session and topic. */
  aadBase(headerBytes: Buffer): Buffer
  /** The number of bytes that `writeAad` writes. */
  aadBytes(base: Buffer, key: Bytes | null | undefined, headers: readonly HeaderValues[]): number
  /**
   * Writes the bytes that are authenticated with a body at `at`, and returns where they end.
   *
   * @param key undefined if the key is not bound, null if it is bound and absent
   * @param headers the values of each bound header, in the order of their names
   */
  writeAad(
    target: Buffer,
    at: number,
    base: Buffer,
    key: Bytes | null | undefined,
    headers: readonly HeaderValues[],
  ): number
  /** The part of `writeAad` behind the base, where the memory has the base. */
  writeAadTail(
    target: Buffer,
    at: number,
    key: Bytes | null | undefined,
    headers: readonly HeaderValues[],
  ): number
}
