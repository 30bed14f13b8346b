import { createHash } from 'node:crypto'
import { deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeDeflate } from '../../src/crypto/deflate.js'
import { compressionNamed, compressionOf, deflateWith } from '../../src/record/compression.js'
import { CANARY } from '../support/emissions.js'

const MIB = 1 << 20
const gzip = compressionNamed('gzip')
const asBuffer = (bytes: Buffer | string): Buffer => Buffer.from(bytes as string)

function opened(body: Buffer, maxBytes = MIB): string {
  try {
    return gzip.decompress(body, maxBytes).toString()
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('registered compressions', () => {
  it('registered compressions have frozen numbers and names', () => {
    expect([compressionOf(0)?.name, compressionOf(1)?.name]).toEqual(['none', 'gzip'])
    expect(['zstd', undefined]).toContain(compressionOf(2)?.name)
    expect(deflateWith(nodeDeflate(Buffer.of(1)), Buffer.alloc(32))).toMatchObject({
      number: 3,
      name: 'deflate-dictionary',
    })
    for (const number of [4, -1, 64, 0.5]) expect(compressionOf(number)).toBeUndefined()
  })

  it('the compression `none` leaves the bytes unchanged, at any size', () => {
    const none = compressionNamed('none')
    const body = Buffer.alloc(2 * MIB)
    expect(none.compress(body)).toBe(body)
    expect(none.decompress(body, 1)).toBe(body)
  })
})

describe('gzip', () => {
  it('decompression inverts compression, for text, bytes and the empty value', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.uint8Array({ maxLength: 5000 }).map((b) => Buffer.from(b)),
        ),
        (plaintext) => {
          const body = asBuffer(gzip.compress(plaintext))
          expect(gzip.decompress(body, MIB)).toEqual(asBuffer(plaintext))
        },
      ),
      { examples: [[''], [Buffer.alloc(0)], [CANARY]] },
    )
  })

  it('a change of any bit of a gzip member fails, or changes only unused bits', () => {
    const body = gzipSync(CANARY)
    for (let at = 0; at < body.length; at++) {
      for (let bit = 1; bit < 256; bit *= 2) {
        const changed = Buffer.from(body)
        changed.writeUInt8(changed.readUInt8(at) ^ bit, at)
        // Time, level and system (RFC 1952, 2.3) mean nothing here, nor does FTEXT.
        const harmless = (at >= 4 && at <= 9) || (at === 3 && bit === 1)
        // The last byte of the deflated data ends in bits that nothing reads.
        if (at === body.length - 9 && opened(changed) === CANARY) continue
        expect([at, bit, opened(changed)]).toEqual([at, bit, harmless ? CANARY : 'DECOMPRESSION_FAILED'])
      }
    }
  })

  it('gzip is exactly one member: not cut anywhere, and nothing after it', () => {
    const body = gzipSync(CANARY)
    expect(() => compressionOf(1)?.decompress(Buffer.concat([body, body]), 1000)).toThrow(
      'it is not exactly one gzip member',
    )
    for (let length = 0; length < body.length; length++)
      expect(opened(body.subarray(0, length))).toBe('DECOMPRESSION_FAILED')
    for (const tail of [Buffer.alloc(1), Buffer.alloc(1000), body, gzipSync(''), Buffer.from('x')])
      expect(opened(Buffer.concat([body, tail]))).toBe('DECOMPRESSION_FAILED')
  })

  it('random data never crashes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(31), (bytes, flags) => {
        const body = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255]), bytes])
        expect(opened(body)).toBe('DECOMPRESSION_FAILED')
      }),
      { numRuns: 3000 },
    )
  })

  it('the cap of a decompressed size is inclusive, and a size that the data states is ignored', () => {
    for (const size of [1, 1000, MIB]) {
      const body = gzipSync(Buffer.alloc(size, 97))
      expect(opened(body, size)).toBe('a'.repeat(size))
      expect(opened(body, size + 1)).toBe('a'.repeat(size))
      if (size > 1) expect(opened(body, size - 1)).toBe('TOO_LARGE')
    }
    const lying = gzipSync(CANARY)
    lying.writeUInt32LE(0xffffffff, lying.length - 4)
    expect(opened(lying)).toBe('DECOMPRESSION_FAILED')
  })
})

const zstd = compressionOf(2)
describe.each([
  { name: 'gzip', compression: gzip, missing: false },
  { name: 'zstd', compression: zstd ?? gzip, missing: zstd === undefined },
])('$name', ({ compression, missing }) => {
  it.skipIf(missing)('a bomb of 256 MiB is refused without decompressing it in memory', () => {
    const bomb = asBuffer(compression.compress(Buffer.alloc(256 * MIB)))
    const before = process.memoryUsage.rss()
    const started = performance.now()
    for (let i = 0; i < 20; i++)
      expect(() => compression.decompress(bomb, MIB)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }))
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * MIB)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it.skipIf(missing)('a plaintext does not keep a much larger buffer alive', () => {
    for (const size of [1, 1000, 9000, 17_000, 100_000]) {
      const plaintext = compression.decompress(asBuffer(compression.compress(Buffer.alloc(size, 7))), MIB)
      expect(plaintext).toEqual(Buffer.alloc(size, 7))
      expect(plaintext.buffer.byteLength).toBeLessThanOrEqual(2 * size)
    }
  })
})

describe('deflate with a preset dictionary', () => {
  const dictionary = Buffer.from(`{"order":17,"note":"${CANARY}"}`)
  const deflate = deflateWith(nodeDeflate(dictionary), createHash('sha256').update(dictionary).digest())
  const result = (body: Buffer, maxBytes = MIB, row = deflate): string => {
    try {
      return row.decompress(body, maxBytes).toString()
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  it('decompression with a dictionary inverts compression, for dictionaries of 1 to 32,768 bytes', () => {
    const lengths = fc.oneof(
      fc.constantFrom(1, 2, 32_506, 32_507, 32_767, 32_768),
      fc.integer({ min: 1, max: 300 }),
    )
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', CANARY, CANARY.repeat(3000)))
    fc.assert(
      fc.property(lengths, text, (length, plaintext) => {
        const some = Buffer.alloc(length, `${CANARY}, and more`)
        const row = deflateWith(nodeDeflate(some), Buffer.alloc(32))
        const body = asBuffer(row.compress(plaintext))
        expect(row.decompress(body, MIB).equals(Buffer.from(plaintext))).toBe(true)
      }),
      {
        examples: [
          [1, ''],
          [32_768, CANARY],
        ],
      },
    )
  })

  it('a small value that resembles the dictionary is a few bytes long', () => {
    const value = `{"order":18,"note":"${CANARY}"}`
    expect(asBuffer(deflate.compress(value)).length).toBeLessThan(12)
    expect(gzipSync(value).length).toBeGreaterThan(40)
  })

  it('a distance reaches the first byte of the longest dictionary, and no further', () => {
    // One match of 3 bytes from 32,768 back in a block with the fixed code (RFC 1951, 3.2.6), then the end of the block.
    const body = Buffer.from('03deff0f00', 'hex')
    const longest = Buffer.concat([Buffer.from('abc'), Buffer.alloc(32_765, 'x')])
    expect(inflateRawSync(body, { dictionary: longest }).toString()).toBe('abc')
    expect(result(body, MIB, deflateWith(nodeDeflate(longest), Buffer.alloc(32)))).toBe('abc')
    expect(result(body, MIB, deflateWith(nodeDeflate(longest.subarray(1)), Buffer.alloc(32)))).toBe(
      'DECOMPRESSION_FAILED',
    )
  })

  it('deflated data is exactly one stream: not cut anywhere, and nothing after it', () => {
    const body = asBuffer(deflate.compress(`{"order":18,"note":"${CANARY}", "b": 1}`))
    for (let length = 0; length < body.length; length++)
      expect(result(body.subarray(0, length))).toBe('DECOMPRESSION_FAILED')
    for (const tail of [Buffer.alloc(1), Buffer.alloc(1000), body, dictionary, deflateRawSync('')])
      expect(result(Buffer.concat([body, tail]))).toBe('DECOMPRESSION_FAILED')
  })

  it('a result of exactly the cap is accepted, a larger one is TOO_LARGE, and a cap of 0 accepts nothing else', () => {
    const body = asBuffer(deflate.compress('x'.repeat(1000)))
    expect(result(body, 1000)).toBe('x'.repeat(1000))
    for (const cap of [999, 1, 0]) expect(result(body, cap)).toBe('TOO_LARGE')
    expect(result(asBuffer(deflate.compress('')), 0)).toBe('')
    expect(result(asBuffer(deflate.compress('x')), 0)).toBe('TOO_LARGE')
    expect(result(Buffer.of(7), 0)).toBe('DECOMPRESSION_FAILED')
  })

  it('a zip bomb with a dictionary stops at the cap', () => {
    const bomb = asBuffer(deflate.compress(Buffer.alloc(1 << 27)))
    expect(bomb.length).toBeLessThan(1 << 18)
    const before = process.memoryUsage().arrayBuffers
    expect(result(bomb)).toBe('TOO_LARGE')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB)
  })

  it('random data with a dictionary never crashes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(Buffer.byteLength(result(Buffer.from(bytes), 1000))).toBeLessThanOrEqual(3000)
      }),
      { numRuns: 2000 },
    )
  })
})

it.each([
  ['Z_MEM_ERROR', { code: 'Z_MEM_ERROR' }],
  ['ZSTD_error_memory_allocation', { code: 'ZSTD_error_memory_allocation' }],
  ['an error without a code', {}],
])(
  'a decompression that fails with %s says nothing about the record, and is no failure of it',
  (_, members) => {
    const thrown = Object.assign(new RangeError('Array buffer allocation failed'), members)
    const failing = {
      ...nodeDeflate(Buffer.of(1)),
      decompress: () => {
        throw thrown
      },
    }
    let caught: unknown
    try {
      deflateWith(failing, Buffer.alloc(32)).decompress(Buffer.of(3, 0), MIB)
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(thrown)
  },
)
