import type { EachBatchHandler, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { batchWith, endOf, resolvedOffset } from '../shared/batch-view.js'
import type { DeliveredValue, Part } from '../shared/part.js'
import { begin, complete, endForgottenRun, forKafkaJs, pauseOf, ruleOf, type Handling } from './handling.js'
import { openedMessage } from './opened-message.js'

/**
 * Delivers each batch opened, without the records that the policy skips or sends to the dead letters. The batch ends
 * before a record that is not decided yet; KafkaJS fetches the rest again.
 */
export function openingEachBatch(
  handler: EachBatchHandler,
  handling: Handling,
  autoResolve: boolean,
): EachBatchHandler {
  const { claims } = handling
  return async (payload) => {
    const { batch, heartbeat, isStale } = payload
    const { topic, partition } = batch
    const rule = ruleOf(batch, handling)
    if (rule === undefined && !claims.stopped) {
      await handler(payload)
      // As in KafkaJS; see `run`.
      if (autoResolve) payload.resolveOffset(batch.lastOffset())
      return
    }
    // The application has moved the partition elsewhere since the fetch.
    if (isStale()) return
    const claim = claims.begin(topic, partition)
    let part: Part<KafkaMessage> | undefined
    try {
      const run = rule && begin(claim, rule, batch.messages, handling)
      part = run?.part ?? (run && (await complete(run, heartbeat, handling)))
    } finally {
      // As above: nothing is awaited from here to the handler.
      claims.end(claim)
    }
    // KafkaJS resolves nothing by itself here (see `run`), so returning leaves the batch to be fetched again.
    if (part === undefined || claim.interrupted || isStale()) {
      const offset = batch.messages[0]?.offset ?? '0'
      if (claims.stopped) endForgottenRun(claim, offset, handling)
      else if (!claim.interrupted && !isStale()) await handling.keepPosition({ topic, partition, offset })
      return
    }
    const end = endOf(batch.messages, part)
    if (end !== undefined) {
      const messages = openedMessages(part)
      if (messages.length > 0) await handler(limitedTo(messages, part.decided, end, payload, handling))
      // If no message is left, the handler cannot move the offset past them.
      if (autoResolve || messages.length === 0) payload.resolveOffset(end)
    }
    if (part.error !== undefined && !isStale()) throw forKafkaJs(part.error, claim)
  }
}

function openedMessages({ records, values }: Part<KafkaMessage>): KafkaMessage[] {
  return records.map((record, i) => openedMessage(record, values[i] as DeliveredValue))
}

function limitedTo(
  messages: KafkaMessage[],
  decided: number,
  end: string,
  payload: EachBatchPayload,
  handling: Handling,
): EachBatchPayload {
  const { batch } = payload
  const isCut = decided < batch.messages.length
  return {
    ...payload,
    batch: isCut ? batchWith(batch, messages, batch.messages[decided]?.offset) : batchWith(batch, messages),
    pause: pauseOf(batch, payload.pause, handling),
    resolveOffset: (offset) => {
      payload.resolveOffset(resolvedOffset(offset, messages, { end, isCut }))
    },
  }
}
