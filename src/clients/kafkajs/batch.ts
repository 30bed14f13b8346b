import type { Batch, KafkaMessage } from 'kafkajs'

/**
 * The same batch with other messages, and with the members and methods of the batch of KafkaJS. With `endsBefore`, the
 * batch ends there: a caller that asks for its last offset must not resolve the records after it.
 */
export function batchWith(batch: Batch, messages: KafkaMessage[], endsBefore?: string): Batch {
  const view = Object.assign(Object.create(Object.getPrototypeOf(batch) as object) as Batch, batch, {
    messages,
  })
  if (endsBefore === undefined) return view
  const before = (BigInt(endsBefore) - 1n).toString()
  const last = messages.at(-1)?.offset ?? before
  return Object.defineProperties(view, {
    lastOffset: { value: () => last },
    offsetLag: { value: () => (BigInt(batch.highWatermark) - 1n - BigInt(last)).toString() },
    isEmpty: { value: () => messages.length === 0 },
  })
}
