import { EnvelopeError } from '../../errors.js'
import { BATCH_OVERHEAD, batchBytes, contentBytes, recordBytes } from '../../record/record-bytes.js'
import type { PlainRecord } from '../../record/record.js'
import type { OutgoingBatch, PlainBatch } from '../../record/batch.js'

/** A record to send. A client that chooses its partition later leaves it out. */
export type SendableRecord = PlainRecord & { readonly partition?: number }

/**
 * Cuts the records of one topic into runs that fit a record batch after sealing. A client may put all records of a send
 * for one partition into one batch, and may choose partitions only after sealing. So unless every record names its
 * partition, a run counts as if all its records went to one.
 *
 * @throws EnvelopeError RECORD_TOO_LARGE if a sealed record does not fit even alone
 */
export function splitToFit<M extends SendableRecord>(
  plain: PlainBatch,
  sealed: M[],
  batch: OutgoingBatch,
): M[][] {
  const limit = batch.maxBatchBytes
  // Mostly all fit into one.
  if (limit === undefined || batch.sealed.length === 0 || batchBytes(sealed) <= limit) return [sealed]
  const byPartition = sealed.every(({ partition }) => typeof partition === 'number')
  const runs: M[][] = [[]]
  let used = new Map<number, number>()
  for (const [i, message] of sealed.entries()) {
    const size = recordBytes(message)
    if (size + BATCH_OVERHEAD > limit && batch.sealed.includes(i)) throw tooLarge(plain, i, message, limit)
    const partition = byPartition ? (message.partition ?? 0) : 0
    const before = used.get(partition) ?? BATCH_OVERHEAD
    if (before + size > limit && runs.at(-1)?.length !== 0) {
      runs.push([])
      used = new Map([[partition, BATCH_OVERHEAD + size]])
    } else used.set(partition, before + size)
    runs.at(-1)?.push(message)
  }
  return runs
}

/**
 * The records of one topic as a single run, for a client that forms record batches itself.
 *
 * @throws EnvelopeError RECORD_TOO_LARGE as `splitToFit` does
 */
export function refuseTooLarge<M extends SendableRecord>(
  plain: PlainBatch,
  sealed: M[],
  { sealed: indexes, maxBatchBytes: limit = Infinity }: OutgoingBatch,
): M[][] {
  for (const i of indexes) {
    const message = sealed[i] as M
    if (recordBytes(message) + BATCH_OVERHEAD > limit) throw tooLarge(plain, i, message, limit)
  }
  return [sealed]
}

function tooLarge(
  { topic, records, pathOf }: PlainBatch,
  index: number,
  sealed: PlainRecord,
  limit: number,
): EnvelopeError {
  return new EnvelopeError(
    'RECORD_TOO_LARGE',
    `a value of ${String(contentBytes(records[index]?.value))} bytes takes ${String(contentBytes(sealed.value))} bytes sealed, ` +
      `which, with its key and headers, exceeds the limit of ${String(limit)} bytes for a record batch`,
    { position: { topic, path: pathOf(index) } },
  )
}
