import type { Consumer, EachBatchHandler, EachBatchPayload, EachMessageHandler, KafkaMessage } from 'kafkajs'
import { offsetNumber } from '../../record/record.js'
import { batchWith } from './batch.js'
import type { Claims } from './claims.js'
import type { Delivery, Part } from './delivery.js'

/** What opening handlers need of their consumer. */
export interface Handling {
  readonly delivery: Delivery
  readonly claims: Claims
  readonly seek: Consumer['seek']
}

/** Delivers each message opened. Not by way of `eachBatch`: tracers would lose their span per message. */
export function openingEachMessage(
  handler: EachMessageHandler,
  { delivery, claims, seek }: Handling,
): EachMessageHandler {
  return async (payload) => {
    const { topic, partition, message, heartbeat } = payload
    const claim = claims.begin(topic, partition)
    let part: Part | undefined
    try {
      part = await delivery.open(claim, [message], heartbeat)
    } finally {
      // Nothing is awaited from here to the handler, so that no seek or stop gets between.
      claim.end()
    }
    if (part === undefined || claim.interrupted) {
      if (!claim.hasSeeked) seek({ topic, partition, offset: message.offset })
      leave(message)
      return
    }
    if (part.error !== undefined) throw part.error
    const [opened] = part.messages
    // Skipped by policy, or a dead letter: KafkaJS resolves its offset as if it had been handled.
    if (opened === undefined) return
    await handler({ ...payload, message: opened, pause: pausing(payload, payload.pause, claims) })
    // KafkaJS reads it after the handler.
    message.offset = opened.offset
  }
}

/**
 * Leaves a message to be fetched again, without an error: KafkaJS would count it, and restart a consumer that has no
 * retry left, even one that was stopped. It resolves the offset that the message has after the handler, so the message
 * gets the one before. The seek before it keeps KafkaJS from going on with the batch, whatever else happened to the
 * partition. Where KafkaJS was stopped while it joined, it forgets its run, which goes on: there the seek throws, and
 * that ends the run.
 */
function leave(message: KafkaMessage): void {
  message.offset = (offsetNumber(message.offset) - 1n).toString()
}

/**
 * Delivers each batch opened: what the policy skips or sends to the dead letters left out, and ending before a
 * record that is not decided. KafkaJS fetches what is behind the end again.
 */
export function openingEachBatch(
  handler: EachBatchHandler,
  { delivery, claims, seek }: Handling,
  autoResolve: boolean,
): EachBatchHandler {
  return async (payload) => {
    const { batch, heartbeat, isStale } = payload
    const { topic, partition } = batch
    const claim = claims.begin(topic, partition)
    let part: Part | undefined
    try {
      part = await delivery.open(claim, batch.messages, heartbeat)
    } finally {
      // As above: nothing is awaited from here to the handler.
      claim.end()
    }
    // KafkaJS resolves nothing by itself here (see `run`), so returning leaves the batch to be fetched again.
    if (part === undefined || claim.interrupted || isStale()) {
      // As in `leave`: ends a run that KafkaJS forgot when it was stopped.
      if (claims.stopped && !claim.hasSeeked)
        seek({ topic, partition, offset: batch.messages[0]?.offset ?? '0' })
      return
    }
    const end = endOf(payload, part)
    if (end !== undefined) {
      if (part.messages.length > 0) await handler(limitedTo(part, end, payload, claims))
      // Where no message is left, the handler cannot move the offset past them.
      if (autoResolve || part.messages.length === 0) payload.resolveOffset(end)
    }
    if (part.error !== undefined && !isStale()) throw part.error
  }
}

/** The offset up to which a part of a batch decides it; undefined where it decides nothing. */
function endOf({ batch: { messages } }: EachBatchPayload, { decided }: Part): string | undefined {
  const next = messages[decided]
  // What is between two messages, such as a control record, belongs to the part before it.
  if (next !== undefined && decided > 0) return (offsetNumber(next.offset) - 1n).toString()
  return messages[decided - 1]?.offset
}

function limitedTo(
  { messages, decided }: Part,
  end: string,
  payload: EachBatchPayload,
  claims: Claims,
): EachBatchPayload {
  const { batch } = payload
  const isCut = decided < batch.messages.length
  const lastDelivered = BigInt(messages.at(-1)?.offset ?? -1)
  return {
    ...payload,
    batch: isCut ? batchWith(batch, messages, batch.messages[decided]?.offset) : batchWith(batch, messages),
    pause: pausing(batch, payload.pause, claims),
    resolveOffset: (offset) => {
      // In whatever form KafkaJS takes. Records left out at the end are resolved with the last one delivered, and no
      // record that was not delivered is resolved.
      const resolved = BigInt(offset)
      const isAtEnd = resolved === lastDelivered || (isCut && resolved > BigInt(end))
      payload.resolveOffset(isAtEnd ? end : resolved.toString())
    },
  }
}

/** As the handler's `pause`, but it also interrupts what waits. */
function pausing(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  pause: () => () => void,
  claims: Claims,
): () => () => void {
  return () => {
    const resume = pause()
    claims.pause([{ topic, partitions: [partition] }])
    return resume
  }
}
