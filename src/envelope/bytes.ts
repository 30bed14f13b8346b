/** Bytes, or text to be encoded as UTF-8, as Kafka clients take them. */
export type Bytes = Buffer | string

const { get: byteLengthOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
) as { readonly get: (this: Uint8Array) => number }

/** How many bytes there are: of a buffer, those of its memory now, whatever a `length` of its own says. */
export function byteLength(bytes: Bytes): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : byteLengthOf.call(bytes)
}

/** A private copy of the bytes: callers reuse, transfer and resize their buffers. */
export function ownCopy(bytes: Bytes): Bytes {
  if (typeof bytes === 'string') return bytes
  const copy = Buffer.allocUnsafe(byteLength(bytes))
  copy.set(bytes)
  return copy
}

/** Whether the memory of a buffer was handed over, to a worker say: nothing is left of its bytes. */
export function isTransferred(bytes: Uint8Array): boolean {
  if (bytes.buffer.byteLength > 0) return false
  try {
    new Uint8Array(bytes.buffer)
    return false
  } catch {
    return true
  }
}
