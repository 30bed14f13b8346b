import type { EachMessageHandler, EachMessagePayload, KafkaMessage } from 'kafkajs'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { Claim } from '../shared/claims.js'
import type { DeliveredValue } from '../shared/part.js'
import { begin, complete, endForgottenRun, forKafkaJs, pauseOf, ruleOf, type Handling } from './handling.js'
import { MessageTurns } from './message-turns.js'
import { openedMessage } from './opened-message.js'

/** Delivers each message opened. Does not use `eachBatch`, because tracers would lose their span for each message. */
export function openingEachMessage(handler: EachMessageHandler, handling: Handling): EachMessageHandler {
  const { claims, left } = handling
  const turns = new MessageTurns()

  function deliverNext(payload: EachMessagePayload): Promise<void> {
    const { topic, partition, message } = payload
    if (left.skips(payload, message)) return Promise.resolve()
    const rule = ruleOf(payload, handling)
    // A handler in JavaScript may return no promise, but a tracer may need one.
    if (rule === undefined && !claims.stopped) return Promise.resolve(handler(payload))
    const claim = claims.begin(topic, partition)
    // If the key is cached, the handler runs within this call. Waiting for a promise would take longer than all the checks.
    const opened = rule && !turns.isOver ? openNow(claim, rule, message, handling) : undefined
    if (opened === undefined || claim.interrupted) return deliverLater(claim, rule, payload, opened)
    claims.end(claim)
    return deliver(payload, opened)
  }

  async function deliverLater(
    claim: Claim,
    rule: ReadingRule | undefined,
    payload: EachMessagePayload,
    opened: DeliveredValue | undefined,
  ): Promise<void> {
    const { topic, partition, message } = payload
    let delivered: DeliveredValue | 'withheld' | undefined = opened
    try {
      if (rule !== undefined && turns.isOver) {
        await turns.next()
        delivered = openNow(claim, rule, message, handling)
      }
      if (rule !== undefined) delivered ??= await openLater(claim, rule, payload, handling)
    } finally {
      // Nothing is awaited from here to the handler, so that no seek or stop can come in between.
      claims.end(claim)
    }
    if (delivered === undefined || claim.interrupted) {
      const { offset } = message
      left.leave(claim, message)
      if (claims.stopped) endForgottenRun(claim, offset, handling)
      else if (!claim.interrupted) await handling.keepPosition({ topic, partition, offset })
      return
    }
    if (delivered === 'withheld') {
      turns.withheld(message)
      // KafkaJS resolves its offset as if it had been handled.
      return
    }
    await deliver(payload, delivered)
  }

  function deliver(payload: EachMessagePayload, delivered: DeliveredValue): Promise<void> {
    turns.handled(delivered)
    const message = openedMessage(payload.message, delivered)
    const handled = handler({ ...payload, message, pause: pauseOf(payload, payload.pause, handling) })
    return Promise.resolve(handled).then(() => {
      // KafkaJS reads it after the handler.
      payload.message.offset = message.offset
    })
  }

  return (payload) => {
    try {
      return deliverNext(payload)
    } catch (error) {
      // As from an asynchronous function, because a tracer ends the span of a message with its promise.
      return Promise.resolve().then(() => {
        throw error
      })
    }
  }
}

/**
 * The message, opened; undefined if it has to wait, or does not open.
 * @throws as `Delivery.openAlone` does, for KafkaJS to act on
 */
function openNow(
  claim: Claim,
  rule: ReadingRule,
  message: KafkaMessage,
  { claims, delivery }: Handling,
): DeliveredValue | undefined {
  try {
    return delivery.openAlone(claim, rule, message)
  } catch (error) {
    claims.end(claim)
    throw forKafkaJs(error, claim)
  }
}

/**
 * Opens a message that has to wait, or does not open. `withheld`: the policy skips it, or it has become a dead letter;
 * undefined: nothing may be delivered or resolved.
 *
 * @throws the error that stops the consumer, for KafkaJS to act on
 */
async function openLater(
  claim: Claim,
  rule: ReadingRule,
  { message, heartbeat }: EachMessagePayload,
  handling: Handling,
): Promise<DeliveredValue | 'withheld' | undefined> {
  const run = begin(claim, rule, [message], handling)
  const part = run.part ?? (await complete(run, heartbeat, handling))
  if (part === undefined || claim.interrupted) return undefined
  if (part.error !== undefined) throw forKafkaJs(part.error, claim)
  return part.values[0] ?? 'withheld'
}
