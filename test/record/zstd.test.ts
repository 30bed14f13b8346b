import * as zlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { compressionNamed, compressionOf } from '../../src/record/compression.js'
import { zstdFrameLength } from '../../src/record/zstd.js'
import { CANARY } from '../support/emissions.js'
import { cmk, craft, open, wrapping } from './crafted.js'

const hasZstd = 'zstdCompressSync' in zlib
const MIB = 1 << 20

/** A block of RFC 8878, 3.1.1.2: raw, or `size` times one byte. */
function block(type: 'raw' | 'rle', content: Buffer, size: number, last: boolean): Buffer {
  const header = Buffer.alloc(3)
  header.writeUIntLE((size << 3) | ((type === 'raw' ? 0 : 1) << 1) | (last ? 1 : 0), 0, 3)
  return Buffer.concat([header, content])
}

const raw = (text: string, last = true): Buffer => block('raw', Buffer.from(text), text.length, last)
const rle = (size: number, last = true): Buffer => block('rle', Buffer.from('a'), size, last)

/** A frame: descriptor and its fields, then blocks. A window of 1 MiB if one is stated. */
function frame(descriptor: number, fields: string, ...rest: Buffer[]): Buffer {
  return Buffer.concat([
    Buffer.from('28b52ffd', 'hex'),
    Buffer.of(descriptor),
    Buffer.from(fields, 'hex'),
    ...rest,
  ])
}

const plain = frame(0x00, '50', raw(CANARY))

describe('the length of a zstd frame', () => {
  it('the length of a zstd frame counts descriptor, window, sizes, dictionary id, blocks and checksum', () => {
    for (const whole of [
      plain,
      frame(0x20, '0d', raw(CANARY)),
      frame(0x60, '0d00', raw(CANARY)),
      frame(0xa0, '0d000000', raw(CANARY)),
      frame(0xe0, '0d00000000000000', raw(CANARY)),
      frame(0x01, '5000', raw(CANARY)),
      frame(0x02, '500000', raw(CANARY)),
      frame(0x03, '5000000000', raw(CANARY)),
      frame(0x04, '50', raw(CANARY), Buffer.alloc(4)),
      frame(0x00, '50', raw('a', false), rle(100, false), raw('')),
    ]) {
      expect(zstdFrameLength(whole)).toBe(whole.length)
      expect(zstdFrameLength(Buffer.concat([whole, whole]))).toBe(whole.length)
      for (let length = 0; length < whole.length; length++)
        expect(zstdFrameLength(whole.subarray(0, length))).toBeUndefined()
    }
  })

  it('the length of skippable frames, reserved blocks and other data is undefined', () => {
    const reserved = Buffer.from([0x07, 0, 0])
    for (const bytes of [
      Buffer.from('502a4d180400000061626364', 'hex'),
      frame(0x00, '50', reserved),
      Buffer.from(CANARY),
      zlib.gzipSync(CANARY),
    ])
      expect(zstdFrameLength(bytes)).toBeUndefined()
  })
})

it.skipIf(hasZstd)(
  'zstd is an unknown compression, both ways, if this Node.js does not have it',
  async () => {
    expect(compressionOf(2)).toBeUndefined()
    expect(() => compressionNamed('zstd')).toThrow(/UNKNOWN_COMPRESSION/)
    const asked: string[] = []
    const value = craft({ header: { compression: 2 }, body: plain })
    expect(await open({ value }, [await cmk(wrapping('near', 'a'), asked)])).toBe('UNKNOWN_COMPRESSION')
    expect(asked).toEqual([])
  },
)

describe.runIf(hasZstd)('zstd', () => {
  const opened = async (body: Buffer, maxDecompressedBytes = MIB): Promise<string | null> =>
    open({ value: craft({ header: { compression: 2 }, body }) }, [await cmk(wrapping('near', 'a'), [])], {
      maxDecompressedBytes,
    })
  const packed = (text: string): Buffer => Buffer.from(compressionNamed('zstd').compress(text) as Buffer)

  it('decompression of zstd inverts compression, for the empty value too', async () => {
    for (const text of ['', CANARY, CANARY.repeat(10_000), 'é漢🦄'])
      expect(await opened(packed(text))).toBe(text)
  })

  it('zstd frames with and without size, checksum and dictionary id 0 open', async () => {
    for (const whole of [
      plain,
      frame(0x20, '0d', raw(CANARY)),
      frame(0x01, '5000', raw(CANARY)),
      frame(0x00, '50', raw('', false), raw(CANARY)),
    ])
      expect(await opened(whole)).toBe(CANARY)
    expect(await opened(frame(0x00, '68', rle(1000)))).toBe('a'.repeat(1000))
  })

  it('a zstd value is exactly one frame: complete, with a correct checksum, no dictionary, and nothing after it', async () => {
    const skippable = Buffer.from('502a4d1800000000', 'hex')
    for (const bad of [
      Buffer.alloc(0),
      Buffer.from(CANARY),
      Buffer.concat([plain, plain]),
      Buffer.concat([plain, skippable]),
      Buffer.concat([skippable, plain]),
      Buffer.concat([plain, Buffer.alloc(1)]),
      frame(0x04, '50', raw(CANARY), Buffer.alloc(4)),
      frame(0x01, '5001', raw(CANARY)),
      frame(0x08, '50', raw(CANARY)),
      frame(0x20, '0c', raw(CANARY)),
      frame(0x20, '0e', raw(CANARY)),
    ])
      expect(await opened(bad)).toBe('DECOMPRESSION_FAILED')
    for (let length = 0; length < plain.length; length++)
      expect(await opened(plain.subarray(0, length))).toBe('DECOMPRESSION_FAILED')
  })

  it('the cap of a decompressed zstd size is inclusive; a bomb is refused, and a stated size is ignored', async () => {
    const thousand = frame(0x00, '50', rle(600, false), rle(400))
    expect(await opened(thousand, 1000)).toBe('a'.repeat(1000))
    expect(await opened(thousand, 999)).toBe('TOO_LARGE')
    const bomb = frame(0x00, '50', ...Array.from({ length: 2000 }, () => rle(1 << 17, false)), raw(''))
    expect(await opened(bomb)).toBe('TOO_LARGE')
    expect(await opened(frame(0xe0, 'ffffffffffffff00', raw(CANARY)))).toBe('DECOMPRESSION_FAILED')
    expect(await opened(frame(0x80, '5000000010', raw(CANARY)))).toBe('DECOMPRESSION_FAILED')
  })

  it('zstd frames with windows of 8 MiB open', async () => {
    expect(await opened(frame(0x00, '68', raw(CANARY)))).toBe(CANARY)
  })
})
