/**
 * The native engine of `kafka-envelope`. Applications do not call it: they install it, and the library finds it.
 *
 * All functions are synchronous. They check every argument before they touch any byte; what does not fit throws an error
 * whose `code` is a {@link NativeErrorCode}, and then nothing was written.
 */

/** Raised with each change that an older caller cannot use. */
export declare const interfaceVersion: 3

declare const brand: unique symbol
// Without it, `brand` would count as exported.
export {}

/** A key in native memory. It belongs to the thread that made it, and cannot be cloned or transferred. */
export interface NativeKey {
  readonly [brand]: 'key'
}

/** A dictionary that compresses. As a key, it belongs to its thread; it is freed when it is collected as garbage. */
export interface NativeDeflater {
  readonly [brand]: 'deflater'
}

/** A dictionary that decompresses, as {@link NativeDeflater}. */
export interface NativeInflater {
  readonly [brand]: 'inflater'
}

/**
 * - `NATIVE_ARGUMENT`: a wrong number, type or length; memory that is shared with another thread or with another
 *   argument; a buffer that was transferred.
 * - `NATIVE_LAYOUT`: an offset outside its buffer, parts of records that touch, records in the wrong order.
 * - `NATIVE_COUNTER`: a counter that is not a safe integer, or would not stay one.
 * - `NATIVE_KEY`: not a key of this thread.
 * - `NATIVE_KEY_DESTROYED`: a key after {@link destroyKey}.
 * - `NATIVE_OPENSSL`: OpenSSL failed. In a batch, all bodies have been wiped.
 * - `NATIVE_ZLIB`: zlib cannot use a dictionary, or there is no memory.
 * - `NATIVE_NO_BINARY`: thrown on import: no binary for this platform.
 * - `NATIVE_LOAD_FAILED`: thrown on import: the binary does not load, for the reason in `cause`.
 * - `NATIVE_SELF_TEST`: thrown on import: the binary and `node:crypto` do not give the same bytes, or it and
 *   `node:zlib` do not read the same streams.
 */
export type NativeErrorCode =
  | 'NATIVE_ARGUMENT'
  | 'NATIVE_LAYOUT'
  | 'NATIVE_COUNTER'
  | 'NATIVE_KEY'
  | 'NATIVE_KEY_DESTROYED'
  | 'NATIVE_OPENSSL'
  | 'NATIVE_ZLIB'
  | 'NATIVE_NO_BINARY'
  | 'NATIVE_LOAD_FAILED'
  | 'NATIVE_SELF_TEST'

/**
 * Makes a key for AES-256-GCM: one cipher context per direction.
 *
 * @param bytes 32 bytes, as a view of an `ArrayBuffer` that the caller made or got (`hkdfSync`). They are copied; the
 *   caller wipes its own. V8 keeps arrays of up to 64 bytes in its own heap, `Buffer.alloc(32)` too, and moves them out
 *   when native code takes them: the first copy would stay, out of the caller's reach.
 */
export declare function createKey(bytes: Uint8Array): NativeKey

/**
 * Wipes and frees the key at once. Any later use throws, also a second `destroyKey`. A key that is not destroyed is wiped
 * when it is collected as garbage, or when its thread ends.
 */
export declare function destroyKey(key: NativeKey): void

/**
 * Seals records in place.
 *
 * If OpenSSL fails in the middle, all bodies of the batch are wiped: none leaves as plaintext.
 *
 * @param firstCounter the IV of record `i` is `firstCounter + i`: 4 zero bytes, then 64 bits, big-endian. The caller never
 *   uses a counter twice under one key.
 * @param data receives IV (12 bytes) and tag (16 bytes) of each record. Bodies are plaintext before, ciphertext after.
 * @param aads additional authenticated data; may be shared by records
 * @param layout six numbers per record: `ivAt`, `tagAt`, `bodyAt`, `bodyEnd` (offsets in `data`), `aadAt`, `aadEnd`
 *   (offsets in `aads`). IV, tag and body do not touch, in any order. Each record lies behind the one before it.
 */
export declare function seal(
  key: NativeKey,
  firstCounter: number,
  data: Uint8Array,
  aads: Uint8Array,
  layout: Uint32Array,
): void

/**
 * Seals records into another buffer; `source` stays as it is, and `target` never has plaintext. It saves copying large
 * bodies to where {@link seal} wants them.
 *
 * @param layout seven numbers per record: `ivAt`, `tagAt` (offsets in `target`), `bodyAt`, `bodyEnd` (in `source`),
 *   `aadAt`, `aadEnd` (in `aads`), `targetAt`, where in `target` the ciphertext goes. In the target the rules of
 *   {@link seal} hold; bodies in the source may be anywhere.
 */
export declare function sealInto(
  key: NativeKey,
  firstCounter: number,
  source: Uint8Array,
  target: Uint8Array,
  aads: Uint8Array,
  layout: Uint32Array,
): void

/**
 * Opens records into another buffer; `source` stays as it is. Where authentication fails, the target has zeros.
 *
 * @param layout seven numbers per record: `ivAt`, `tagAt`, `bodyAt`, `bodyEnd` (offsets in `source`), `aadAt`,
 *   `aadEnd` (in `aads`), `targetAt`, where in `target` the plaintext goes. Targets follow each other and do not touch;
 *   sources may be anywhere.
 * @param opened one byte per record: 1; or 0 where authentication fails
 * @returns how many failed
 */
export declare function openInto(
  key: NativeKey,
  source: Uint8Array,
  target: Uint8Array,
  aads: Uint8Array,
  layout: Uint32Array,
  opened: Uint8Array,
): number

/**
 * Opens one record as {@link openInto} does, in a shorter time than a batch of one takes.
 *
 * @param target as long as the body, which reaches from `bodyAt` to the end of `source`
 * @param aad all of it belongs to the record
 * @param ivAt where in `source` the IV (12 bytes) is
 * @param tagAt where in `source` the tag (16 bytes) is
 * @returns whether it opened
 */
export declare function openOne(
  key: NativeKey,
  source: Uint8Array,
  target: Uint8Array,
  aad: Uint8Array,
  ivAt: number,
  tagAt: number,
  bodyAt: number,
): boolean

/** @param dictionary 1 to 32,768 bytes, which are copied */
export declare function createDeflater(dictionary: Uint8Array): NativeDeflater

/** @param dictionary as for {@link createDeflater} */
export declare function createInflater(dictionary: Uint8Array): NativeInflater

/**
 * Compresses a value to one raw DEFLATE stream (RFC 1951) with a preset dictionary.
 *
 * @param target receives the stream. Whatever is returned, any of its bytes may have changed: the caller wipes them.
 * @returns the length of the stream; -1 if it does not fit into the target with a byte to spare, or zlib failed
 */
export declare function deflate(deflater: NativeDeflater, source: Uint8Array, target: Uint8Array): number

/**
 * Decompresses one raw DEFLATE stream.
 *
 * @param target receives the value, as for {@link deflate}
 * @returns the length of the value; -1 if the source is not exactly one stream that ends in its last byte and never
 *   reaches before the dictionary's start, if the value does not fit into the target, or zlib failed
 */
export declare function inflate(inflater: NativeInflater, source: Uint8Array, target: Uint8Array): number
