import { gzipSync } from 'node:zlib'

/** The head of a batch: offsets, times, producer, checksum, and the number of records. */
const BATCH_HEAD_BYTES = 61
const NO_KEY = -1

/** How many bytes a broker keeps for a batch of records without keys and headers (message format 2), with gzip over it. */
export function batchBytes(values: readonly Buffer[]): number {
  return BATCH_HEAD_BYTES + gzipSync(Buffer.concat(values.map(record))).length
}

function record(value: Buffer, offset: number): Buffer {
  const [attributes, time, headers] = [Buffer.of(0), varint(0), varint(0)]
  const body = [attributes, time, varint(offset), varint(NO_KEY), varint(value.length), value, headers]
  return Buffer.concat([varint(body.reduce((sum, { length }) => sum + length, 0)), ...body])
}

/** A zigzag varint. */
function varint(number: number): Buffer {
  const bytes: number[] = []
  let rest = (number << 1) ^ (number >> 31)
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
