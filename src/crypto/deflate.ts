import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { byteLength, type Bytes } from '../envelope/bytes.js'

/** Compresses and decompresses single values as raw DEFLATE streams (RFC 1951) with one preset dictionary. */
export interface Deflate {
  compress(plaintext: Bytes): Buffer
  /**
   * Decompresses the stream at the start, as `inflateRawSync` of `node:zlib` does.
   * @throws what it throws, if the plaintext has more than `maxBytes` (and more than one) too
   */
  decompress(bytes: Buffer, maxBytes: number): Inflated
}

export interface Inflated {
  readonly plaintext: Buffer
  /** The length of the stream: bytes may follow it. */
  readonly end: number
}

/**
 * DEFLATE in `node:zlib`, which takes in the dictionary again for each value. For a short value that takes longer than all
 * else, so it gets only the end of a long dictionary, where what is most useful stands. Readers notice nothing: the
 * distances in a stream are counted from the end.
 */
export function nodeDeflate(dictionary: Buffer): Deflate {
  const end = dictionary.subarray(-END_BYTES)
  return {
    compress: (plaintext) =>
      deflateRawSync(plaintext, {
        dictionary: byteLength(plaintext) < LONG_BYTES ? end : dictionary,
        chunkSize: chunkFor(plaintext),
      }),
    decompress: (bytes, maxBytes) => inflateRaw(bytes, maxBytes, dictionary),
  }
}

/** Half of the longest dictionary: about half the time, for streams that are some 3 % longer. */
const END_BYTES = 2 ** 14
/** From here on, taking in all of a dictionary is a small part of the work. */
const LONG_BYTES = 2 ** 13

/** What Node.js allocates for output at a time, unless told otherwise; it takes no less than 64 bytes. */
const CHUNK_BYTES = 2 ** 14
/** How much longer than a short plaintext its stream may be: a block that is stored as it is. */
const STORED_BYTES = 64

/** So much that a short value, which most are, takes no time for memory that it does not need. */
function chunkFor(plaintext: Bytes): number {
  return Math.min(byteLength(plaintext) + STORED_BYTES, CHUNK_BYTES)
}

/** Inflates one stream, and says where it ends. */
export function inflateRaw(bytes: Buffer, maxBytes: number, dictionary?: Buffer): Inflated {
  const { buffer, engine } = inflateRawSync(bytes, {
    dictionary,
    // Node.js does not accept a limit of 0.
    maxOutputLength: Math.max(maxBytes, 1),
    info: true,
  }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }
  return { plaintext: buffer, end: engine.bytesWritten }
}
