import { deflateRawSync, gzipSync } from 'node:zlib'
import * as zlib from 'node:zlib'

/** Records in a batch. */
export const BATCHES = [1, 20, 100] as const

/** One way to compress a value, and what it leaves, in bytes a record. */
export interface Sizes {
  readonly name: string
  /** Of a value alone. */
  readonly value: number
  /** Estimated: of a sealed record in a batch of each size, with gzip over the batch. */
  readonly sealed: readonly number[]
}

/** What an envelope with one wrapping of a KMS adds, without its body: a part that repeats, and IV, tag and length. */
const HEAD_BYTES = 360
const TAIL_BYTES = 22

/** Compares no compression, gzip, zstd if this Node.js has it, and the dictionary. Last: plain records in the batch. */
export function compareSizes(samples: readonly Buffer[], dictionary: Buffer): Sizes[] {
  const ways: [name: string, compress: (value: Buffer) => Buffer][] = [
    ['none', (value) => value],
    ['gzip', (value) => gzipSync(value)],
  ]
  const zstd: unknown = Reflect.get(zlib, 'zstdCompressSync')
  if (typeof zstd === 'function') ways.push(['zstd', zstd as (value: Buffer) => Buffer])
  ways.push(['dictionary', (value) => deflateRawSync(value, { dictionary, level: 6 })])
  const compared = ways.map(([name, compress]) => {
    const bodies = samples.map(compress)
    const random = randomBytes()
    const head = random(HEAD_BYTES)
    // Ciphertext is as long as what it hides, and does not compress.
    const sealed = bodies.map(({ length }) => Buffer.concat([head, random(TAIL_BYTES + length)]))
    return { name, value: mean(bodies), sealed: inBatches(sealed) }
  })
  return [...compared, { name: 'not encrypted', value: mean(samples), sealed: inBatches(samples) }]
}

function mean(values: readonly Buffer[]): number {
  return values.reduce((sum, { length }) => sum + length, 0) / values.length
}

/** Bytes a record, for each size of a batch. A batch has no more records than there are. */
function inBatches(records: readonly Buffer[]): number[] {
  return BATCHES.map((size) => {
    let bytes = 0
    for (let at = 0; at < records.length; at += size) {
      bytes += gzipSync(Buffer.concat(records.slice(at, at + size))).length
    }
    return bytes / records.length
  })
}

/** Stands in for ciphertext: xorshift, the same each time. */
function randomBytes(): (length: number) => Buffer {
  let state = 0x9e3779b9
  return (length) => {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[i] = state >>> 24
    }
    return bytes
  }
}
