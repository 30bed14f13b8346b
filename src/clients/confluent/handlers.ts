import { stopwatch, type Clock } from '../../clock.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { batchWith, endOf, resolvedOffset } from '../shared/batch-view.js'
import type { Claims } from '../shared/claims.js'
import type { Delivery } from '../shared/delivery.js'
import { messageOf } from '../shared/messages.js'
import type { DeliveredValue, Part } from '../shared/part.js'
import type { Place } from '../shared/place.js'
import type { EachBatch, EachBatchPayload, EachMessage, KafkaMessage, Message } from './client.js'

/** The parts of a consumer that its opening handlers use. */
export interface Handling {
  /**
   * The rule of a topic; undefined for a passthrough topic. @throws EnvelopeError TOPIC_NOT_CONFIGURED, CONFIG_INVALID
   */
  ruleOf(topic: string): ReadingRule | undefined
  readonly delivery: Delivery<KafkaMessage, Message>
  readonly claims: Claims
  readonly clock: Clock
  /** The partition is read, so that it is not paused. */
  arrived(place: Place): void
  /** Stops a partition at its position. */
  stop(place: Place, error: unknown): void
  /** As the application calls it. */
  pause(place: Place): () => void
}

/** How long one batch of the client may last before the client is asked for the rest of it again. */
const MAX_BATCH_MS = 10_000

/**
 * Handles the messages of a batch one by one. `eachMessage` of the client would commit past a message that is left without
 * an error, and log each error; a batch ends wherever it is left. It ends after some time too, so that slow handlers hold
 * up neither a rebalance nor the other partitions.
 */
export function oneByOne(eachMessage: EachMessage, { claims, clock }: Handling): EachBatch {
  return async (payload) => {
    const { topic, partition, messages } = payload.batch
    const elapsedMs = stopwatch(clock)
    for (const message of messages) {
      if (payload.isStale() || claims.stopped || elapsedMs() > MAX_BATCH_MS) return
      const { heartbeat, pause } = payload
      await eachMessage({ topic, partition, message, heartbeat, pause })
      payload.resolveOffset(message.offset, message.leaderEpoch)
    }
  }
}

/**
 * Delivers each batch opened, without the records that the policy skips or sends to the dead letters. The batch ends
 * before a record that is not decided yet; the client fetches the rest again.
 *
 * The client resolves nothing by itself here (see `run`). It fetches again from the first record that was not resolved.
 */
export function openingEachBatch(handler: EachBatch, handling: Handling, autoResolve: boolean): EachBatch {
  const { claims } = handling
  return async (given) => {
    const { batch, heartbeat } = given
    const place = { topic: batch.topic, partition: batch.partition }
    const isLeft = (): boolean => claims.stopped || given.isStale()
    handling.arrived(place)
    if (isLeft()) return
    const payload = { ...given, pause: () => handling.pause(place) }
    let part: Part<KafkaMessage> | undefined
    const claim = claims.begin(place.topic, place.partition)
    try {
      const rule = handling.ruleOf(place.topic)
      if (rule === undefined) part = unchanged(batch.messages)
      else {
        const run = handling.delivery.begin(claim, rule, batch.messages)
        part = run.part ?? (await handling.delivery.complete(run, heartbeat))
      }
    } catch (error) {
      if (!isLeft()) handling.stop(place, error)
      return
    } finally {
      // Nothing is awaited from here to the handler, so that no seek or stop can come in between.
      claims.end(claim)
    }
    if (part === undefined || claim.interrupted || isLeft()) return
    if (!(await deliver(handler, payload, part, autoResolve)) || isLeft()) return
    if (part.error !== undefined) handling.stop(place, part.error)
  }
}

/** A passthrough topic. */
function unchanged(messages: readonly KafkaMessage[]): Part<KafkaMessage> {
  const values = messages.map(({ value }) => ({ value, envelope: undefined }))
  return { records: messages, values, decided: messages.length, error: undefined }
}

/** Returns whether everything that the part decides is resolved. */
async function deliver(
  handler: EachBatch,
  payload: EachBatchPayload,
  part: Part<KafkaMessage>,
  autoResolve: boolean,
): Promise<boolean> {
  const { batch } = payload
  const end = endOf(batch.messages, part)
  if (end === undefined) return true
  const epoch = batch.messages[part.decided - 1]?.leaderEpoch
  const messages = part.records.map((record, i) => messageOf(record, part.values[i] as DeliveredValue))
  const isCut = part.decided < batch.messages.length
  let isResolved = false
  const resolve = (offset: string, leaderEpoch?: number): void => {
    payload.resolveOffset(offset, leaderEpoch)
    if (BigInt(offset) >= BigInt(end)) isResolved = true
  }
  if (messages.length > 0)
    await handler({
      ...payload,
      batch: isCut
        ? batchWith(batch, messages, batch.messages[part.decided]?.offset)
        : batchWith(batch, messages),
      resolveOffset: (offset, leaderEpoch) => {
        resolve(resolvedOffset(offset, messages, { end, isCut }), leaderEpoch)
      },
    })
  // If no message is left, the handler cannot move the offset past them.
  if (messages.length === 0 || (autoResolve && !payload.isStale())) resolve(end, epoch)
  return isResolved
}
