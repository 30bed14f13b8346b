import type {
  Consumer,
  EachBatchHandler,
  EachBatchPayload,
  EachMessageHandler,
  EachMessagePayload,
  KafkaMessage,
  Message,
} from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { batchWith, endOf, resolvedOffset } from '../shared/batch-view.js'
import type { Claim, Claims } from '../shared/claims.js'
import type { Delivery, OpenedRun, Run } from '../shared/delivery.js'
import type { Place, Places } from '../shared/place.js'
import type { DeliveredRecord, Part } from '../shared/part.js'
import type { LeftBatches } from './left-batches.js'
import { MessageTurns } from './message-turns.js'
import { openedMessage } from './opened-message.js'
import { withoutCause } from './without-cause.js'

/** To be told of the application's own pauses. */
export interface Pausing {
  paused(places: readonly Places[]): void
  resumed(places: readonly Places[]): void
}

/** The parts of a consumer that its opening handlers use. */
export interface Handling {
  /**
   * The rule of a topic; undefined for a passthrough topic. @throws EnvelopeError TOPIC_NOT_CONFIGURED, CONFIG_INVALID
   */
  ruleOf(topic: string): ReadingRule | undefined
  /** The rules found so far, by topic. */
  readonly rules: Map<string, ReadingRule | undefined>
  readonly delivery: Delivery<KafkaMessage, Message>
  readonly claims: Claims
  readonly pausing: Pausing
  readonly left: LeftBatches
  /**
   * Commits the position of a partition that is parked, unless the application commits itself. Otherwise, a group that has
   * committed nothing yet might begin after the record when it rebalances.
   */
  keepPosition(at: Place & { readonly offset: string }): Promise<void>
  readonly seek: Consumer['seek']
}

/** Delivers each message opened. Does not use `eachBatch`, because tracers would lose their span for each message. */
export function openingEachMessage(handler: EachMessageHandler, handling: Handling): EachMessageHandler {
  const { claims, left } = handling
  const turns = new MessageTurns()
  return async (payload) => {
    const { topic, partition, message } = payload
    if (left.skips(payload, message)) return
    const rule = ruleOf(payload, handling)
    if (rule === undefined && !claims.stopped) return handler(payload)
    const claim = claims.begin(topic, partition)
    let delivered: DeliveredRecord<KafkaMessage> | 'withheld' | undefined
    try {
      if (turns.isOver) await turns.next()
      if (rule !== undefined)
        delivered =
          openAlone(claim, rule, message, handling) ?? (await openLater(claim, rule, payload, handling))
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
    turns.handled(delivered)
    const opened = openedMessage(delivered)
    await handler({ ...payload, message: opened, pause: pauseOf(payload, payload.pause, handling) })
    // KafkaJS reads it after the handler.
    message.offset = opened.offset
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
): Promise<DeliveredRecord<KafkaMessage> | 'withheld' | undefined> {
  const run = begin(claim, rule, [message], handling)
  const part = run.part ?? (await complete(run, heartbeat, handling))
  if (part === undefined || claim.interrupted) return undefined
  if (part.error !== undefined) throw forKafkaJs(part.error, claim)
  return part.delivered[0] ?? 'withheld'
}

/**
 * If KafkaJS was stopped while it joined, it forgets its run, which continues. Then this seek throws, and that ends the
 * run.
 */
function endForgottenRun(claim: Claim, offset: string, { seek }: Handling): void {
  if (!claim.hasSeeked) seek({ topic: claim.topic, partition: claim.partition, offset })
}

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
      const messages = part.delivered.map((one) => openedMessage(one))
      if (messages.length > 0) await handler(limitedTo(messages, part.decided, end, payload, handling))
      // If no message is left, the handler cannot move the offset past them.
      if (autoResolve || messages.length === 0) payload.resolveOffset(end)
    }
    if (part.error !== undefined && !isStale()) throw forKafkaJs(part.error, claim)
  }
}

/**
 * The rule of a topic; undefined for a passthrough topic. @throws EnvelopeError with the partition, for KafkaJS to act
 * on
 */
function ruleOf(place: Place, { rules, ruleOf: find }: Handling): ReadingRule | undefined {
  const { topic } = place
  if (rules.has(topic)) return rules.get(topic)
  try {
    const rule = find(topic)
    rules.set(topic, rule)
    return rule
  } catch (error) {
    throw forKafkaJs(error, place)
  }
}

/** @throws as `Delivery.openAlone` does, for KafkaJS to act on */
function openAlone(
  claim: Claim,
  rule: ReadingRule,
  message: KafkaMessage,
  { delivery }: Handling,
): DeliveredRecord<KafkaMessage> | undefined {
  try {
    return delivery.openAlone(claim, rule, message)
  } catch (error) {
    throw forKafkaJs(error, claim)
  }
}

/** @throws as `Delivery.begin` does, for KafkaJS to act on */
function begin(
  claim: Claim,
  rule: ReadingRule,
  messages: readonly KafkaMessage[],
  { delivery }: Handling,
): Run<KafkaMessage> | OpenedRun<KafkaMessage> {
  try {
    return delivery.begin(claim, rule, messages)
  } catch (error) {
    throw forKafkaJs(error, claim)
  }
}

/** @throws as `Delivery.complete` does, for KafkaJS to act on */
async function complete(
  run: Run<KafkaMessage>,
  heartbeat: () => Promise<void>,
  { delivery }: Handling,
): Promise<Part<KafkaMessage> | undefined> {
  try {
    return await delivery.complete(run, heartbeat)
  } catch (error) {
    throw forKafkaJs(error, run.claim)
  }
}

function forKafkaJs(error: unknown, { topic, partition }: Place): unknown {
  return isEnvelopeError(error) ? withoutCause(error, { topic, partition }) : error
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

/** The `pause` of a payload, which also interrupts waiting records. */
function pauseOf(
  { topic, partition }: Place,
  pause: () => () => void,
  { pausing }: Handling,
): () => () => void {
  return () => {
    const places = [{ topic, partitions: [partition] }]
    const resume = pause()
    pausing.paused(places)
    return () => {
      resume()
      pausing.resumed(places)
    }
  }
}
