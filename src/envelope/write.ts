/*
 * Writes canonical Avro binary, as `Cursor` reads it. Written by hand: Avro libraries compile code for a schema, which
 * hardened runtimes refuse, and these few fields do not need a library.
 */

/** How many bytes `writeLengthAt` takes. */
export function lengthBytes(length: number): number {
  return varintBytes(length * 2)
}

/** Writes a non-negative Avro `long` and returns where it ends. */
export function writeLengthAt(target: Buffer, at: number, length: number): number {
  return writeVarintAt(target, at, length * 2)
}

function length(value: number): Buffer {
  return varint(value * 2)
}

/** An Avro `int`: negative numbers too, which zig-zag interleaves with the others. */
export function int(value: number): Buffer {
  return varint(((value << 1) ^ (value >> 31)) >>> 0)
}

export function boolean(value: boolean): Buffer {
  return Buffer.from([value ? 1 : 0])
}

/** @throws RangeError if the number of bytes is not that of the format: no reader could read them */
export function fixed(bytes: Buffer, size: number): Buffer {
  if (bytes.length !== size)
    throw new RangeError(`expected ${String(size)} bytes, got ${String(bytes.length)}`)
  return bytes
}

/** Avro `bytes`. */
export function lengthPrefixed(value: Buffer): Buffer {
  return Buffer.concat([length(value.length), value])
}

export function text(value: string): Buffer {
  return lengthPrefixed(Buffer.from(value))
}

/** An array, or a map whose items are key and value in one: one block, or none if it is empty. */
export function blocks(items: readonly Buffer[]): Buffer {
  return items.length === 0 ? length(0) : Buffer.concat([length(items.length), ...items, length(0)])
}

function varint(value: number): Buffer {
  const written = Buffer.alloc(varintBytes(value))
  writeVarintAt(written, 0, value)
  return written
}

function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 128; rest /= 128) count++
  return count
}

function writeVarintAt(target: Buffer, at: number, value: number): number {
  let rest = value
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}
