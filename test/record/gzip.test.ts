import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { gzipBody } from '../../src/record/gzip.js'

const FHCRC = 0x02
const FEXTRA = 0x04
const FNAME = 0x08
const FCOMMENT = 0x10
const EXTRA = Buffer.from('extra field')
const REST = Buffer.from('deflated data and trailer')

/** The header of a member (RFC 1952, 2.3) with these flags. */
function header(flags: number): Buffer {
  const parts = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255])]
  if (flags & FEXTRA) parts.push(Buffer.of(EXTRA.length, 0), EXTRA)
  if (flags & FNAME) parts.push(Buffer.from('a name\0'))
  if (flags & FCOMMENT) parts.push(Buffer.from('a comment\0'))
  if (flags & FHCRC) {
    const crc = Buffer.alloc(2)
    crc.writeUInt16LE(crc32(Buffer.concat(parts)) & 0xffff)
    parts.push(crc)
  }
  return Buffer.concat(parts)
}

describe('the data after the header of a gzip member', () => {
  const allFlags = Array.from({ length: 16 }, (_, i) => i << 1)

  it.each([0, 1, ...allFlags])(
    'the data after the header of a gzip member is found, whatever the header contains: flags %i',
    (flags) => {
      const before = header(flags)
      expect(gzipBody(Buffer.concat([before, REST]))).toEqual(REST)
      if (before.length >= 18) expect(gzipBody(before)).toEqual(Buffer.alloc(0))
    },
  )

  it.each(allFlags)(
    'the data after the header of a gzip member is not found if the header is cut: flags %i',
    (flags) => {
      const before = header(flags)
      for (let length = 0; length < before.length; length++)
        expect(gzipBody(before.subarray(0, length))).toBeUndefined()
    },
  )

  it('the data after the header of a gzip member is not found if a field would reach beyond the input', () => {
    const long = header(FEXTRA)
    long.writeUInt16LE(1000, 10)
    expect(gzipBody(Buffer.concat([long, REST]))).toBeUndefined()
  })

  it('the data after the header of a gzip member has at least the trailer of eight bytes', () => {
    expect(gzipBody(Buffer.concat([header(0), REST.subarray(0, 8)]))).toEqual(REST.subarray(0, 8))
    expect(gzipBody(Buffer.concat([header(0), REST.subarray(0, 7)]))).toBeUndefined()
  })

  it('the data after the header of a gzip member is not found if magic, method, a reserved flag or the CRC of the header is wrong', () => {
    const whole = Buffer.concat([header(FHCRC | FNAME), REST])
    for (const at of [0, 1, 2, 4, 12, 18]) {
      const changed = Buffer.from(whole)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect([at, gzipBody(changed)]).toEqual([at, undefined])
    }
    for (const reserved of [0x20, 0x40, 0x80])
      expect(gzipBody(Buffer.concat([header(reserved), REST]))).toBeUndefined()
  })
})
