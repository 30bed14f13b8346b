// Not the global, which is a getter: its cost shows where it is called for each record.
import { Buffer } from 'node:buffer'

/** Bytes, or text that is encoded as UTF-8, as in Kafka clients. */
export type Bytes = Buffer | string

const { get: byteLengthOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
) as { readonly get: (this: Uint8Array) => number }

/** The number of bytes. For a buffer, its memory counts, not an own member `length`. */
export function byteLength(bytes: Bytes): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : byteLengthOf.call(bytes)
}

/** A private copy of the bytes, because callers reuse, transfer and resize their buffers. */
export function ownCopy(bytes: Bytes): Bytes {
  if (typeof bytes === 'string') return bytes
  const copy = Buffer.allocUnsafe(byteLength(bytes))
  copy.set(bytes)
  return copy
}

/** Whether the memory of a buffer was transferred, for example to a worker, so that its bytes are gone. */
export function isTransferred(bytes: Uint8Array): boolean {
  // A transferred buffer has the length 0. Reading a length is faster than asking for the memory.
  if (byteLengthOf.call(bytes) > 0 || bytes.buffer.byteLength > 0) return false
  try {
    new Uint8Array(bytes.buffer)
    return false
  } catch {
    return true
  }
}
