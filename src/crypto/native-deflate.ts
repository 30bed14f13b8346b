import { byteLength } from '../envelope/bytes.js'
import { nodeDeflate, type Deflate } from './deflate.js'

/** The functions of `kafka-envelope-native` that compress, as its types describe them. */
export interface DeflateAddon {
  createDeflater(dictionary: Uint8Array): object
  createInflater(dictionary: Uint8Array): object
  /** The length in the target, or -1. */
  deflate(deflater: object, source: Uint8Array, target: Uint8Array): number
  inflate(inflater: object, source: Uint8Array, target: Uint8Array): number
}

/** Larger values are left to `node:zlib`, for which the dictionary is then a small part of the work. */
const MAX_BYTES = 2 ** 15

/** Holds the result of one call until it is copied into memory of its own. */
const scratch = Buffer.from(new ArrayBuffer(MAX_BYTES))

/**
 * DEFLATE in the addon, which keeps the dictionary ready. Whatever the addon does not do goes to `node:zlib`, so that
 * `node:zlib` alone decides which error a bad stream gets.
 */
export function nativeDeflate(addon: DeflateAddon, dictionary: Buffer): Deflate {
  // A copy, because the addon takes no memory that another thread may change.
  const own = Buffer.from(dictionary)
  const node = nodeDeflate(own)
  // Readers compress nothing, and a deflater takes half a megabyte.
  const deflater = once(() => addon.createDeflater(own))
  const inflater = once(() => addon.createInflater(own))
  return {
    compress(plaintext) {
      const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext
      return run(addon.deflate, deflater(), bytes, MAX_BYTES) ?? node.compress(bytes)
    },
    decompress(bytes, maxBytes) {
      const plaintext = run(addon.inflate, inflater(), bytes, maxBytes)
      return plaintext === undefined ? node.decompress(bytes, maxBytes) : { plaintext, end: bytes.length }
    },
  }
}

/** The stream, made at the first call; null if it cannot be made, for example without memory for it. */
function once(create: () => object): () => object | null {
  let stream: object | null | undefined
  return () => {
    if (stream !== undefined) return stream
    try {
      stream = create()
    } catch {
      stream = null
    }
    return stream
  }
}

function run(
  call: DeflateAddon['deflate'],
  stream: object | null,
  source: Buffer,
  maxBytes: number,
): Buffer | undefined {
  if (stream === null || !(source.buffer instanceof ArrayBuffer) || byteLength(source) > MAX_BYTES)
    return undefined
  try {
    const length = call(stream, source, scratch)
    if (length < 0 || length > maxBytes) return undefined
    const result = Buffer.allocUnsafeSlow(length)
    scratch.copy(result, 0, 0, length)
    return result
  } finally {
    // zlib may have written more than the result.
    scratch.fill(0)
  }
}
