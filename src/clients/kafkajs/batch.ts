import type { Batch, KafkaMessage } from 'kafkajs'

/**
 * The same batch with other messages: an object that inherits all else from the original. With
 * `endsBefore`, the batch ends there: what follows must not be resolved by whoever asks for its last offset.
 */
export function batchWith(batch: Batch, messages: KafkaMessage[], endsBefore?: string): Batch {
  const view = Object.create(batch, {
    messages: { value: messages, enumerable: true, writable: true },
  }) as Batch
  if (endsBefore === undefined) return view
  const before = (BigInt(endsBefore) - 1n).toString()
  const last = messages.at(-1)?.offset ?? before
  return Object.defineProperties(view, {
    lastOffset: { value: () => last },
    offsetLag: { value: () => (BigInt(batch.highWatermark) - 1n - BigInt(last)).toString() },
    isEmpty: { value: () => messages.length === 0 },
  })
}
