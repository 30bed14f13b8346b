import { crc32 } from 'node:zlib'

/** Flags of a gzip member (RFC 1952, 2.3.1). */
const FHCRC = 0x02
const FEXTRA = 0x04
const FNAME = 0x08
const FCOMMENT = 0x10
const RESERVED = 0xe0

/**
 * The bytes after the header of a gzip member: deflated data and trailer. Undefined if there is no header, a reserved
 * flag is set, or the header's own CRC does not match.
 */
export function gzipBody(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 18 || bytes.readUInt16BE(0) !== 0x1f8b || bytes[2] !== 8) return undefined
  const flags = bytes[3] ?? 0
  if ((flags & RESERVED) !== 0) return undefined
  let at = 10
  if (flags & FEXTRA) at += 2 + bytes.readUInt16LE(at)
  for (const text of [FNAME, FCOMMENT]) {
    if (!(flags & text)) continue
    const end = bytes.indexOf(0, at)
    if (end === -1) return undefined
    at = end + 1
  }
  if (flags & FHCRC) {
    if (at + 2 > bytes.length || bytes.readUInt16LE(at) !== (crc32(bytes.subarray(0, at)) & 0xffff))
      return undefined
    at += 2
  }
  return at <= bytes.length ? bytes.subarray(at) : undefined
}
