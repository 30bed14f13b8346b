import { EnvelopeError } from '../../errors.js'
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

/**
 * The bytes authenticated beside a body.
 *
 * @param key undefined where the key is not bound, null where it is bound and absent
 * @param headers the values of each bound header, in the order of their names
 */
export function buildAad(
  base: Buffer,
  key: Bytes | null | undefined,
  headers: readonly HeaderValues[],
): Buffer {
  let length = base.length + 1 + (key == null ? 0 : 4 + byteLength(key))
  for (const values of headers) {
    length += 4
    for (const value of values) length += 4 + (value === null ? 0 : byteLength(value))
  }
  const aad = Buffer.allocUnsafe(length)
  base.copy(aad)
  let at = base.length
  if (key == null) {
    aad[at++] = key === undefined ? 0 : 1
  } else {
    aad[at++] = 2
    at = writeBytes(aad, at, key)
  }
  for (const values of headers) {
    at = aad.writeUInt32BE(values.length, at)
    for (const value of values) {
      at = value === null ? aad.writeUInt32BE(0xffffffff, at) : writeBytes(aad, at, value)
    }
  }
  // Memory that was not written must never be used: another thread may resize what it shares with us.
  if (at !== aad.length)
    throw new EnvelopeError('INVALID_RECORD', 'a key or header changed while it was being read')
  return aad
}

function writeBytes(target: Buffer, at: number, bytes: Bytes): number {
  const length = byteLength(bytes)
  target.writeUInt32BE(length, at)
  if (typeof bytes === 'string') target.write(bytes, at + 4)
  else target.set(bytes, at + 4)
  return at + 4 + length
}
