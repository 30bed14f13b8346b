import { byteLength, type Bytes } from '../bytes.js'
import type { HeaderValues } from '../format.js'
import { PREFIX } from './prefix.js'

/*
 * aad     = prefix u32(length of header) header key *headers
 * key     = %x00                      ; not bound, whatever the key
 *         / %x01                      ; bound, null
 *         / %x02 u32(length) *OCTET   ; bound
 * headers = u32(count) *value         ; for each bound header, in order of names
 * value   = u32(length) *OCTET / %xFFFFFFFF   ; the latter for null
 */

/** The part of the AAD that is the same for all records of a session and topic. */
export function aadBase(headerBytes: Buffer): Buffer {
  const base = Buffer.alloc(PREFIX.length + 4 + headerBytes.length)
  PREFIX.copy(base)
  base.writeUInt32BE(headerBytes.length, PREFIX.length)
  headerBytes.copy(base, PREFIX.length + 4)
  return base
}

/** The number of bytes that `writeAad` writes. */
export function aadBytes(
  base: Buffer,
  key: Bytes | null | undefined,
  headers: readonly HeaderValues[],
): number {
  let length = base.length + 1 + (key == null ? 0 : 4 + byteLength(key))
  for (const values of headers) {
    length += 4
    for (const value of values) length += 4 + (value === null ? 0 : byteLength(value))
  }
  return length
}

/**
 * Writes the bytes that are authenticated with a body at `start`, and returns where they end.
 *
 * @param key undefined if the key is not bound, null if it is bound and absent
 * @param headers the values of each bound header, in the order of their names
 */
export function writeAad(
  target: Buffer,
  start: number,
  base: Buffer,
  key: Bytes | null | undefined,
  headers: readonly HeaderValues[],
): number {
  target.set(base, start)
  return writeAadTail(target, start + base.length, key, headers)
}

/** The part of `writeAad` behind the base. */
export function writeAadTail(
  target: Buffer,
  start: number,
  key: Bytes | null | undefined,
  headers: readonly HeaderValues[],
): number {
  let at = start
  if (key == null) {
    target[at++] = key === undefined ? 0 : 1
  } else {
    target[at++] = 2
    at = writeBytes(target, at, key)
  }
  for (const values of headers) {
    at = writeUint32(target, at, values.length)
    for (const value of values) {
      at = value === null ? writeUint32(target, at, 0xffffffff) : writeBytes(target, at, value)
    }
  }
  return at
}

function writeBytes(target: Buffer, at: number, bytes: Bytes): number {
  const length = byteLength(bytes)
  const start = writeUint32(target, at, length)
  if (typeof bytes === 'string') writeText(target, start, bytes, length)
  else if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) target[start + i] = bytes[i] as number
  else target.set(bytes, start)
  return start + length
}

/** Several times as fast as `writeUInt32BE`, and it is called for each record. */
function writeUint32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}

/** A call into Node.js takes longer than the loop for text, or for bytes, up to these lengths. */
const SHORT = 32
const SHORT_BYTES = 20

function writeText(target: Buffer, at: number, text: string, bytes: number): void {
  // As many bytes as characters: each is ASCII.
  if (bytes === text.length && bytes <= SHORT)
    for (let i = 0; i < bytes; i++) target[at + i] = text.charCodeAt(i)
  else target.write(text, at)
}
