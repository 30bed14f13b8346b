import type { KafkaMessage, Message } from 'kafkajs'
import { BATCH_OVERHEAD, recordBytes } from '../../record/record-bytes.js'

/** Bounds of one transaction. They also bound how long one call of a transform takes. */
export const MAX_RECORDS = 5000
const MAX_BYTES = 4 * 1024 * 1024

/** Parts of records that are copied in one transaction each. */
export function transactionsOf<M extends KafkaMessage>(messages: readonly M[], maxRecords: number): M[][] {
  const parts: M[][] = []
  let bytes = 0
  for (const message of messages) {
    const size = message.value?.length ?? 0
    const part = parts.at(-1)
    if (part === undefined || part.length >= maxRecords || bytes + size > MAX_BYTES) {
      parts.push([message])
      bytes = size
    } else {
      part.push(message)
      bytes += size
    }
  }
  return parts
}

/**
 * Runs of messages of one partition, each of which fits a record batch of the target topic.
 * @throws Error that names the record that does not fit even alone
 */
export function runsThatFit(
  copies: readonly { readonly message: Message; readonly place: string }[],
  maxBatchBytes: number,
  to: string,
): Message[][] {
  const runs: Message[][] = []
  let bytes = 0
  for (const { message, place } of copies) {
    const size = recordBytes(message)
    const run = runs.at(-1)
    if (run !== undefined && bytes + size <= maxBatchBytes) {
      run.push(message)
      bytes += size
      continue
    }
    bytes = BATCH_OVERHEAD + size
    if (bytes > maxBatchBytes) {
      throw new Error(
        `${place}: as a record of ${to} it may take ${String(bytes)} bytes, but max.message.bytes is ${String(maxBatchBytes)}: raise it`,
      )
    }
    runs.push([message])
  }
  return runs
}
