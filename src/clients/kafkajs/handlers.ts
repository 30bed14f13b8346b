import type { EachBatchHandler, EachBatchPayload, EachMessageHandler, KafkaMessage } from 'kafkajs'
import { offsetNumber } from '../../record/record.js'
import { batchWith } from './batch.js'
import type { Delivery, Opened } from './delivery.js'

/** Delivers each message opened. Not by way of `eachBatch`: tracers would lose their span per message. */
export function openingEachMessage(handler: EachMessageHandler, delivery: Delivery): EachMessageHandler {
  return async (payload) => {
    const { topic, partition, message, heartbeat } = payload
    const { messages, stop } = await delivery.open({ topic, partition }, [message], heartbeat)
    if (stop !== undefined) throw stop.error
    const [opened] = messages
    // Skipped by policy, or a dead letter: KafkaJS resolves its offset as if it had been handled.
    if (opened !== undefined) await handler({ ...payload, message: opened })
  }
}

/**
 * Delivers each batch opened: what the policy skips or sends to the dead letters left out, and ending before a
 * record that stops the consumer.
 */
export function openingEachBatch(
  handler: EachBatchHandler,
  delivery: Delivery,
  autoResolve: boolean,
): EachBatchHandler {
  return async (payload) => {
    const { messages, stop } = await openInChunks(payload, delivery)
    if (stop === undefined) {
      await deliverWhole(payload, messages, handler)
      return
    }
    if (messages.length > 0) await deliverUntil(stop.offset, payload, messages, handler)
    if (payload.isStale()) return
    // KafkaJS resolves a whole batch after its handler; a batch cut short is resolved as far as it went.
    if (autoResolve) payload.resolveOffset((offsetNumber(stop.offset) - 1n).toString())
    throw stop.error
  }
}

const CHUNK = 500

/** In chunks with heartbeats between: a large batch must not cost the group membership. */
async function openInChunks({ batch, heartbeat }: EachBatchPayload, delivery: Delivery): Promise<Opened> {
  const { topic, partition, messages } = batch
  const opened: KafkaMessage[] = []
  for (let at = 0; at < messages.length; at += CHUNK) {
    if (at > 0) await heartbeat()
    const chunk = await delivery.open({ topic, partition }, messages.slice(at, at + CHUNK), heartbeat)
    opened.push(...chunk.messages)
    if (chunk.stop !== undefined) return { messages: opened, stop: chunk.stop }
  }
  return { messages: opened, stop: undefined }
}

async function deliverWhole(
  payload: EachBatchPayload,
  messages: KafkaMessage[],
  handler: EachBatchHandler,
): Promise<void> {
  const { batch } = payload
  const lastRead = batch.messages.at(-1)?.offset
  const lastDelivered = messages.at(-1)?.offset
  if (lastRead !== undefined && lastDelivered === undefined) {
    // None is left, so nobody else will move the offset past them.
    payload.resolveOffset(lastRead)
    return
  }
  await handler({
    ...payload,
    batch: batchWith(batch, messages),
    // Records left out at the end are resolved with the last one delivered.
    resolveOffset: (offset) => {
      payload.resolveOffset(offset === lastDelivered && lastRead !== undefined ? lastRead : offset)
    },
  })
}

async function deliverUntil(
  end: string,
  payload: EachBatchPayload,
  messages: KafkaMessage[],
  handler: EachBatchHandler,
): Promise<void> {
  const last = offsetNumber(end) - 1n
  await handler({
    ...payload,
    batch: batchWith(payload.batch, messages, end),
    // Nobody resolves a record that was not delivered.
    resolveOffset: (offset) => {
      // Handed over by the handler, in whatever form KafkaJS takes: '-1' says that nothing is resolved yet.
      const resolved = BigInt(offset)
      payload.resolveOffset((resolved < last ? resolved : last).toString())
    },
  })
}
