import { deflateRawSync, gzipSync } from 'node:zlib'
import * as zlib from 'node:zlib'
import { batchBytes } from './kafka-batch.js'
import { sealSamples, type RuleCompression } from './sealed-samples.js'

/** Records in a batch. */
export const BATCHES = [1, 20, 100] as const

/** One way to compress a value, and what it leaves, in bytes a record. */
export interface Sizes {
  readonly name: string
  /** Of a value alone. */
  readonly value: number
  /** On a broker: of a sealed record in a batch of each size, with gzip over the batch. */
  readonly sealed: readonly number[]
}

interface Way {
  readonly name: string
  readonly compression: RuleCompression
  readonly compress: (value: Buffer) => Buffer
}

/** Compares no compression, gzip, zstd if this Node.js has it, and the dictionary. Last: plain records in the batch. */
export async function compareSizes(samples: readonly Buffer[], dictionary: Buffer): Promise<Sizes[]> {
  const ways: Way[] = [
    { name: 'none', compression: 'none', compress: (value) => value },
    { name: 'gzip', compression: 'gzip', compress: (value) => gzipSync(value) },
  ]
  const zstd: unknown = Reflect.get(zlib, 'zstdCompressSync')
  if (typeof zstd === 'function')
    ways.push({ name: 'zstd', compression: 'zstd', compress: zstd as Way['compress'] })
  ways.push({
    name: 'dictionary',
    compression: { dictionary: 'tried' },
    compress: (value) => deflateRawSync(value, { dictionary, level: 6 }),
  })
  const compressions = ways.map(({ compression }) => compression)
  const sealed = await sealSamples(samples, compressions, dictionary)
  const compared = ways.map(({ name, compress }, n) => ({
    name,
    value: mean(samples.map(compress)),
    sealed: inBatches(sealed[n] ?? []),
  }))
  return [...compared, { name: 'not encrypted', value: mean(samples), sealed: inBatches(samples) }]
}

function mean(values: readonly Buffer[]): number {
  return values.reduce((sum, { length }) => sum + length, 0) / values.length
}

/** Bytes a record, for each size of a batch. A batch has no more records than there are. */
function inBatches(records: readonly Buffer[]): number[] {
  return BATCHES.map((size) => {
    let bytes = 0
    for (let at = 0; at < records.length; at += size) bytes += batchBytes(records.slice(at, at + size))
    return bytes / records.length
  })
}
