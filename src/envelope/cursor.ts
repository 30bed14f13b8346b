import { EnvelopeError } from '../errors.js'
import type { TextRule } from './bounds.js'
import { lengthBytes } from './write.js'

export function malformed(what: string): EnvelopeError {
  return new EnvelopeError('MALFORMED', what)
}

/**
 * Reads canonical Avro binary from a buffer, strictly forward. Every length is checked against its bound before it is
 * compared with the input, and nothing is allocated for a length that the input only claims.
 *
 * Avro `int` and `long` are zig-zag varints, least significant group first (Avro 1.12, "Primitive
 * Types"). Only the shortest form is canonical.
 */
export class Cursor {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  /** An Avro `int`: at most 5 bytes, no bits beyond the 32nd. */
  int(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      // The fifth byte is the last possible one.
      if (shift === 28 && byte > 0x0f) throw malformed('an int has more than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed('an int is not in its shortest form')
        return (value >>> 1) ^ -(value & 1)
      }
    }
  }

  /** A length or count from `min` to `max`, as an Avro `long`. */
  length(min: number, max: number, what: string): number {
    const length = lengthAt(this.#bytes, this.#at, what)
    if (length < min || length > max) throw malformed(`the length of ${what} is out of bounds`)
    this.#at += lengthBytes(length)
    return length
  }

  /** The end of the one block of an array or map. */
  endOfBlocks(what: string): void {
    if (this.byte() !== 0) throw malformed(`${what} has more than one block`)
  }

  boolean(what: string): boolean {
    const byte = this.byte()
    if (byte > 1) throw malformed(`${what} is neither 0 nor 1`)
    return byte === 1
  }

  /** `length` bytes, as a view. */
  fixed(length: number, what: string): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw malformed(`the input ends within ${what}`)
    const view = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return view
  }

  /** Length-prefixed bytes, as a view. */
  bytes(min: number, max: number, what: string): Buffer {
    return this.fixed(this.length(min, max, what), what)
  }

  /** Moves past length-prefixed bytes. */
  skip(min: number, max: number, what: string): void {
    const end = this.length(min, max, what) + this.#at
    if (end > this.#bytes.length) throw malformed(`the input ends within ${what}`)
    this.#at = end
  }

  /** An ASCII string, of the characters that the format allows. */
  text(rule: TextRule, what: string): string {
    const text = this.bytes(1, rule.maxBytes, what).toString('latin1')
    if (!rule.pattern.test(text)) throw malformed(`${what} has a character that is not allowed`)
    return text
  }

  end(what: string): void {
    if (this.#at !== this.#bytes.length) throw malformed(`bytes follow ${what}`)
  }

  byte(): number {
    const byte = byteAt(this.#bytes, this.#at)
    this.#at++
    return byte
  }
}

/**
 * A length, as an Avro `long`, without a cursor. It takes as many bytes as `lengthBytes` says.
 * @throws EnvelopeError MALFORMED
 */
export function lengthAt(bytes: Buffer, at: number, what: string): number {
  let value = 0
  let unit = 1
  // Every bound of the format fits in five groups; a canonical varint that is longer is out of bounds.
  for (let group = 0; group < 5; group++) {
    const byte = byteAt(bytes, at + group)
    value += (byte & 0x7f) * unit
    unit *= 128
    if (byte < 0x80) {
      if (byte === 0 && group > 0) throw malformed(`the length of ${what} is not in its shortest form`)
      if (value % 2 === 1) throw malformed(`the length of ${what} is negative`)
      return value / 2
    }
  }
  throw malformed(`the length of ${what} is out of bounds`)
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw malformed('the input ends too early')
  return byte
}
