import type { Consumer, KafkaMessage, Message } from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { Claim, Claims } from '../shared/claims.js'
import type { Delivery, OpenedRun, Run } from '../shared/delivery.js'
import type { Part } from '../shared/part.js'
import type { Place, Places } from '../shared/place.js'
import type { LeftBatches } from './left-batches.js'
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

/**
 * If KafkaJS was stopped while it joined, it forgets its run, which continues. Then this seek throws, and that ends the
 * run.
 */
export function endForgottenRun(claim: Claim, offset: string, { seek }: Handling): void {
  if (!claim.hasSeeked) seek({ topic: claim.topic, partition: claim.partition, offset })
}

/**
 * The rule of a topic; undefined for a passthrough topic. @throws EnvelopeError with the partition, for KafkaJS to act
 * on
 */
export function ruleOf(place: Place, { rules, ruleOf: find }: Handling): ReadingRule | undefined {
  const { topic } = place
  const known = rules.get(topic)
  // One look-up for most topics.
  if (known !== undefined || rules.has(topic)) return known
  try {
    const rule = find(topic)
    rules.set(topic, rule)
    return rule
  } catch (error) {
    throw forKafkaJs(error, place)
  }
}

/** @throws as `Delivery.begin` does, for KafkaJS to act on */
export function begin(
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
export async function complete(
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

export function forKafkaJs(error: unknown, { topic, partition }: Place): unknown {
  return isEnvelopeError(error) ? withoutCause(error, { topic, partition }) : error
}

/** The `pause` of a payload, which also interrupts waiting records. */
export function pauseOf(
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
