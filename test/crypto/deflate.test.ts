import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { nodeDeflate } from '../../src/crypto/deflate.js'

const MIB = 2 ** 20
const DICTIONARY = randomBytes(32_000)
const { compress, decompress } = nodeDeflate(DICTIONARY)

it.each<[string, Buffer, boolean]>([
  ['a short value is found', DICTIONARY.subarray(-200), true],
  ['a short value is found, as far back as 16 KiB', DICTIONARY.subarray(-(2 ** 14), -(2 ** 14) + 200), true],
  ['a short value is not found, if only its beginning has it', DICTIONARY.subarray(0, 200), false],
  ['a long value is found, also if only its beginning has it', DICTIONARY.subarray(0, 2 ** 13), true],
])('in a long dictionary, %s', (_, value, isFound) => {
  const stream = compress(value)
  expect(stream.length < value.length / 2).toBe(isFound)
  expect(decompress(stream, MIB)).toEqual({ plaintext: value, end: stream.length })
})

it('with a short dictionary, a short value is found wherever it has it', () => {
  const short = DICTIONARY.subarray(0, 5000)
  for (const at of [0, 2500, 4800])
    expect(nodeDeflate(short).compress(short.subarray(at, at + 200)).length).toBeLessThan(20)
})
