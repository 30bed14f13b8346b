import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { nativeDeflate, type DeflateAddon } from '../../src/crypto/native-deflate.js'
import { CANARY } from '../support/emissions.js'

const dictionary = Buffer.from('a dictionary')
const MOST = 2 ** 15

/** An addon that writes `result` to the whole target, or says that it cannot. */
function fakeAddon(result: string | undefined) {
  const calls: string[] = []
  const targets: Uint8Array[] = []
  const fill = (_: object, source: Uint8Array, target: Uint8Array): number => {
    targets.push(target)
    if (result === undefined) return -1
    Buffer.from(target.buffer).fill(result)
    return Math.min(result.length, source.length)
  }
  const addon: DeflateAddon = {
    createDeflater: () => (calls.push('createDeflater'), {}),
    createInflater: () => (calls.push('createInflater'), {}),
    deflate: (...args) => (calls.push('deflate'), fill(...args)),
    inflate: (...args) => (calls.push('inflate'), fill(...args)),
  }
  return { addon, calls, targets }
}

it('a reader makes nothing that compresses, and a writer makes it once', () => {
  const { addon, calls } = fakeAddon('result')
  const deflate = nativeDeflate(addon, dictionary)
  deflate.decompress(Buffer.from(CANARY), 100)
  deflate.decompress(Buffer.from(CANARY), 100)
  expect(calls).toEqual(['createInflater', 'inflate', 'inflate'])
  deflate.compress(CANARY)
  deflate.compress(CANARY)
  expect(calls.slice(3)).toEqual(['createDeflater', 'deflate', 'deflate'])
})

it('after each call, the shared buffer is wiped, also where the addon wrote more than it says', () => {
  const { addon, targets } = fakeAddon(CANARY)
  const deflate = nativeDeflate(addon, dictionary)
  expect(deflate.compress(CANARY).toString()).toBe(CANARY)
  expect(deflate.decompress(Buffer.from(CANARY), 100).plaintext.toString()).toBe(CANARY)
  // Over the limit; node:zlib then refuses what is no stream.
  expect(() => deflate.decompress(Buffer.from(CANARY), 1)).toThrow()
  expect(targets.length).toBe(3)
  for (const target of targets) expect(Buffer.from(target).equals(Buffer.alloc(MOST))).toBe(true)
})

it('the shared buffer is wiped where the addon throws', () => {
  const { addon, targets } = fakeAddon(CANARY)
  const throwing: DeflateAddon = {
    ...addon,
    inflate: (...args) => {
      addon.inflate(...args)
      throw new Error('expected')
    },
  }
  expect(() => nativeDeflate(throwing, dictionary).decompress(Buffer.from(CANARY), 100)).toThrow('expected')
  expect(Buffer.from(targets[0] as Uint8Array).equals(Buffer.alloc(MOST))).toBe(true)
})

it('without memory for a stream, everything is left to node:zlib', () => {
  const { addon, calls } = fakeAddon('result')
  const fails = (): never => {
    calls.push('create')
    throw new Error('there is no memory')
  }
  const deflate = nativeDeflate({ ...addon, createDeflater: fails, createInflater: fails }, dictionary)
  for (const text of [CANARY, '']) {
    const stream = deflate.compress(text)
    expect(deflate.decompress(stream, 100)).toEqual({ plaintext: Buffer.from(text), end: stream.length })
  }
  expect(calls).toEqual(['create', 'create'])
})

it('what the addon cannot do is left to node:zlib', () => {
  const { addon, calls } = fakeAddon(undefined)
  const deflate = nativeDeflate(addon, dictionary)
  const stream = deflate.compress(CANARY)
  expect(inflateRawSync(stream, { dictionary }).toString()).toBe(CANARY)
  const followed = Buffer.concat([stream, Buffer.alloc(3)])
  expect(deflate.decompress(followed, 100)).toEqual({ plaintext: Buffer.from(CANARY), end: stream.length })
  expect(() => deflate.decompress(stream.subarray(1), 100)).toThrow()
  expect(calls.filter((call) => call === 'inflate').length).toBe(2)
})

it('values and streams of up to 32 KiB go to the addon, and larger ones do not', () => {
  const { addon, calls } = fakeAddon(undefined)
  const deflate = nativeDeflate(addon, dictionary)
  const stored = (length: number): Buffer => deflateRawSync(Buffer.alloc(length), { dictionary, level: 0 })
  for (const length of [MOST, MOST + 1]) deflate.compress(Buffer.alloc(length))
  for (const length of [MOST - 10, MOST]) deflate.decompress(stored(length), 2 ** 20)
  expect(calls).toEqual(['createDeflater', 'deflate', 'createInflater', 'inflate'])
})
