import { randomBytes } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeDeflate, type Deflate, type Inflated } from '../../src/crypto/deflate.js'
import { nativeDeflate } from '../../src/crypto/native-deflate.js'
import { addon, createDeflater, createInflater, deflate, inflate, seeded } from './batch.js'

const MIB = 2 ** 20
const WORDS = ['order', 'customer', '"status":"PAID"', '{"id":', ',', '}', 'Berlin', '00000000000000000000']
const words = (most: number): fc.Arbitrary<Buffer> =>
  fc.array(fc.constantFrom(...WORDS), { maxLength: most }).map((all) => Buffer.from(all.join('')))
const bytes = (most: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: most }).map((all) => Buffer.from(all))
const dictionaries = fc
  .oneof(words(3000), bytes(100))
  .filter(({ length }) => length >= 1)
  .map((all) => all.subarray(-32_768))
const plaintexts = fc.oneof(words(60), bytes(300), words(5000))

/** One in which every byte value has a place, so that the far end can be told from the near one. */
const LONGEST = seeded(1).bytes(32_768)

type Outcome = Inflated | { readonly code: unknown }

function outcomeOf(engine: Deflate, stream: Buffer, maxBytes = MIB): Outcome {
  try {
    return engine.decompress(stream, maxBytes)
  } catch (error) {
    return { code: (error as { code?: unknown }).code }
  }
}

/** Whether the addon itself, without `node:zlib` behind it, accepts a stream. */
function accepts(dictionary: Buffer, stream: Buffer): boolean {
  return inflate(createInflater(dictionary), stream, Buffer.alloc(2 ** 16)) >= 0
}

function expectAlike(dictionary: Buffer, stream: Buffer, maxBytes = MIB): void {
  const expected = outcomeOf(nodeDeflate(dictionary), stream, maxBytes)
  const own = outcomeOf(nativeDeflate(addon, dictionary), stream, maxBytes)
  if ('plaintext' in expected && 'plaintext' in own) {
    expect(own.end).toBe(expected.end)
    expect(own.plaintext.equals(expected.plaintext)).toBe(true)
  } else expect(own).toEqual(expected)
  const isWhole = 'plaintext' in expected && expected.end === stream.length
  // The addon sees all of the output at once, `node:zlib` no more than the limit.
  if (maxBytes === MIB) expect(accepts(dictionary, stream)).toBe(isWhole)
}

describe('streams', () => {
  it('each engine reads what the other writes, with any dictionary', () => {
    fc.assert(
      fc.property(dictionaries, fc.array(plaintexts, { maxLength: 4 }), (dictionary, values) => {
        const [native, node] = [nativeDeflate(addon, dictionary), nodeDeflate(dictionary)]
        for (const value of values) {
          for (const stream of [native.compress(value), node.compress(value)])
            for (const engine of [native, node]) {
              const { plaintext, end } = engine.decompress(stream, MIB)
              expect(plaintext.equals(value)).toBe(true)
              expect(end).toBe(stream.length)
            }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('a value, empty or of a megabyte, is read by the other engine, with a dictionary of 1 byte and the longest', () => {
    for (const dictionary of [Buffer.of(7), LONGEST]) {
      const [native, node] = [nativeDeflate(addon, dictionary), nodeDeflate(dictionary)]
      for (const value of [
        Buffer.alloc(0),
        Buffer.of(7),
        LONGEST,
        Buffer.concat([LONGEST, Buffer.of(1)]),
        Buffer.alloc(32_768, 'order'),
        randomBytes(MIB),
        Buffer.alloc(MIB),
      ]) {
        expect(inflateRawSync(native.compress(value), { dictionary }).equals(value)).toBe(true)
        expect(native.decompress(node.compress(value), MIB).plaintext.equals(value)).toBe(true)
      }
    }
  })

  it('text is compressed as its UTF-8', () => {
    const native = nativeDeflate(addon, Buffer.from('é漢🦄'))
    for (const text of ['', 'é漢🦄', '\ud800'])
      expect(native.decompress(native.compress(text), MIB).plaintext).toEqual(Buffer.from(text))
  })

  it('a stream is no longer than that of node:zlib by more than the end of a block', () => {
    const dictionary = Buffer.from(WORDS.join('').repeat(20))
    fc.assert(
      fc.property(plaintexts, (value) => {
        const length = nativeDeflate(addon, dictionary).compress(value).length
        expect(length).toBeLessThanOrEqual(nodeDeflate(dictionary).compress(value).length + 16)
      }),
    )
  })

  it('a value in memory that another thread may change is compressed and decompressed too', () => {
    const native = nativeDeflate(addon, Buffer.from('dictionary'))
    const shared = Buffer.from(new SharedArrayBuffer(20)).fill('dictionary')
    const stream = native.compress(shared)
    const sharedStream = Buffer.from(new SharedArrayBuffer(stream.length))
    stream.copy(sharedStream)
    expect(native.decompress(sharedStream, MIB).plaintext).toEqual(Buffer.from(shared))
  })

  it('a result is alone in its memory', () => {
    const native = nativeDeflate(addon, Buffer.from('dictionary'))
    const stream = native.compress('a dictionary')
    const { plaintext } = native.decompress(stream, MIB)
    for (const result of [stream, plaintext]) expect(result.buffer.byteLength).toBe(result.length)
  })

  it('a dictionary that changes later changes nothing', () => {
    const dictionary = Buffer.from('dictionary')
    const native = nativeDeflate(addon, dictionary)
    const before = native.compress('dictionary')
    dictionary.fill(0)
    expect(native.compress('dictionary')).toEqual(before)
    expect(native.decompress(before, MIB).plaintext.toString()).toBe('dictionary')
  })
})

describe('what is accepted', () => {
  it('both engines accept the same of random bytes', () => {
    fc.assert(
      fc.property(dictionaries, bytes(60), (dictionary, stream) => {
        expectAlike(dictionary, stream)
      }),
      { numRuns: 2000 },
    )
  })

  it('both engines accept the same of streams that are cut off, extended, or changed in a bit', () => {
    fc.assert(
      fc.property(
        dictionaries,
        plaintexts,
        fc.constantFrom('cut', 'extend', 'flip'),
        fc.nat(),
        (dictionary, value, change, number) => {
          const stream = deflateRawSync(value, { dictionary })
          if (change === 'flip') {
            const at = number % (stream.length * 8)
            stream.writeUInt8(stream.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
            expectAlike(dictionary, stream)
          } else if (change === 'cut') expectAlike(dictionary, stream.subarray(0, number % stream.length))
          else expectAlike(dictionary, Buffer.concat([stream, Buffer.alloc(1 + (number % 5), number)]))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('both engines accept the same of every bit changed, and of every length cut, of one stream', () => {
    const dictionary = Buffer.from(WORDS.join(''))
    const stream = deflateRawSync('{"id":1,"order":"PAID","status":"Berlin"}'.repeat(3), { dictionary })
    for (let at = 0; at < stream.length * 8; at++) {
      const changed = Buffer.from(stream)
      changed.writeUInt8(changed.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
      expectAlike(dictionary, changed)
    }
    for (let length = 0; length <= stream.length; length++)
      expectAlike(dictionary, stream.subarray(0, length))
  })

  it('a distance to the first byte of a dictionary is accepted, and one before it is not', () => {
    for (const length of [1, 2, 3, 300, 4096, 32_767, 32_768]) {
      const dictionary = LONGEST.subarray(0, length)
      for (const distance of [1, length - 1, length, length + 1, 32_768]) {
        if (distance < 1 || distance > 32_768) continue
        const stream = matchAlone(distance)
        expectAlike(dictionary, stream)
        expect(accepts(dictionary, stream)).toBe(distance <= length)
      }
    }
  })

  it('both engines accept the same under any limit', () => {
    const dictionary = Buffer.from('dictionary')
    for (const length of [0, 1, 2, 100, 16_383, 16_384, 16_385, 32_768, 32_769, 100_000]) {
      const stream = deflateRawSync(Buffer.alloc(length, 'dictionary'), { dictionary })
      for (const limit of [0, 1, length - 1, length, length + 1])
        if (limit >= 0) expectAlike(dictionary, stream, limit)
    }
  })
})

describe('the addon', () => {
  const dictionary = Buffer.from('dictionary')
  const streams = { deflater: createDeflater(dictionary), inflater: createInflater(dictionary) }

  it('a result that does not fit is refused, and the next one is right', () => {
    const value = randomBytes(100)
    const stream = deflateRawSync(value, { dictionary })
    // A block that is stored has a head of five bytes, and zlib wants to see that there is room left.
    for (let room = 0; room < 120; room++) {
      const target = new Uint8Array(new ArrayBuffer(room))
      expect(deflate(streams.deflater, value, target)).toBe(room < 106 ? -1 : 105)
      expect(inflate(streams.inflater, stream, target)).toBe(room < 100 ? -1 : 100)
    }
    const target = Buffer.alloc(200)
    const length = deflate(streams.deflater, value, target)
    expect(inflateRawSync(target.subarray(0, length), { dictionary })).toEqual(value)
    expect(inflate(streams.inflater, stream, target)).toBe(100)
    expect(target.subarray(0, 100)).toEqual(value)
  })

  it('a dictionary has 1 to 32,768 bytes, in memory of this thread', () => {
    for (const create of [createDeflater, createInflater]) {
      for (const wrong of [
        Buffer.alloc(0),
        Buffer.alloc(32_769),
        new Uint8Array(new SharedArrayBuffer(10)),
        'dictionary',
        undefined,
      ])
        expect(() => create(wrong as Uint8Array)).toThrow(
          expect.objectContaining({ code: 'NATIVE_ARGUMENT' }),
        )
    }
  })

  it('wrong arguments are refused, and nothing is written', () => {
    const { deflater, inflater } = streams
    const memory = Buffer.from(new ArrayBuffer(100)).fill(7)
    const source = memory.subarray(0, 50)
    const target = memory.subarray(50)
    const transferred = new Uint8Array(10)
    structuredClone(transferred, { transfer: [transferred.buffer] })
    const call = (run: unknown, ...args: unknown[]) => {
      expect(() => (run as (...args: unknown[]) => unknown)(...args)).toThrow(
        expect.objectContaining({ code: 'NATIVE_ARGUMENT' }),
      )
    }
    for (const [run, right, other] of [
      [deflate, deflater, inflater],
      [inflate, inflater, deflater],
    ]) {
      call(run, right, source)
      call(run, right, source, target, 1)
      for (const wrong of [other, {}, null, undefined, 7]) call(run, wrong, source, target)
      for (const wrong of [
        memory.subarray(0, 51),
        memory,
        transferred,
        new Uint32Array(4),
        new Uint8Array(new SharedArrayBuffer(4)),
      ]) {
        call(run, right, wrong, target)
        if (wrong !== memory.subarray(0, 51)) call(run, right, source, wrong)
      }
    }
    expect(memory.every((byte) => byte === 7)).toBe(true)
  })
})

/** A block with fixed codes: a match of three bytes at this distance, and its end. */
function matchAlone(distance: number): Buffer {
  const bits: number[] = [1, 1, 0]
  const code = (value: number, length: number): void => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >> bit) & 1)
  }
  code(1, 7) // length 3 (RFC 1951, 3.2.5)
  let [symbol, base, extra] = [0, 1, 0]
  while (base + 2 ** extra <= distance) {
    base += 2 ** extra
    symbol++
    extra = symbol < 4 ? 0 : (symbol >> 1) - 1
  }
  code(symbol, 5)
  for (let bit = 0; bit < extra; bit++) bits.push(((distance - base) >> bit) & 1)
  code(0, 7)
  const stream = Buffer.alloc(Math.ceil(bits.length / 8))
  bits.forEach((bit, i) => stream.writeUInt8(stream.readUInt8(i >> 3) | (bit << (i & 7)), i >> 3))
  return stream
}
