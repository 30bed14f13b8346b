import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, ConsumerRunConfig } from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptionEvents, EventHub } from '../../events.js'
import type { Opener } from '../../record/opener.js'
import type { RuleBook } from '../../record/rules.js'
import { Delivery } from './delivery.js'
import { openingEachBatch, openingEachMessage } from './handlers.js'
import { checkLetterBox, checkLetterBoxOfPattern, type LetterBox } from './letter-box.js'

/** Both forms of it. */
type Subscription = Parameters<Consumer['subscribe']>[0]

/** Why a consumer stopped for good. */
export type Fatal = EncryptionEvents['fatal']

/** What a wrapped consumer is given: what it shares with its owner, and what takes its dead letters. */
export interface ConsumerHost {
  readonly rules: RuleBook
  readonly opener: Opener
  readonly events: EventHub
  readonly deadLetters: LetterBox | undefined
}

/** A wrapped consumer and what its owner may ask about it. */
export interface WrappedConsumer {
  readonly consumer: Consumer
  /** Why it stopped for good, until it is run again or disconnected. */
  readonly fatal: () => Fatal | undefined
}

/** A consumer that opens what it delivers; all else is the inner consumer's. */
export function decryptingConsumer(inner: Consumer, host: ConsumerHost): WrappedConsumer {
  let fatal: Fatal | undefined
  let stopping = new AbortController()
  let groupId: string | undefined
  const { rules, events, deadLetters } = host

  inner.on(inner.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
    groupId = payload.groupId
  })
  // KafkaJS restarts what crashed with a retriable error; else the process lives on with no consumer.
  inner.on(inner.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    if (payload.restart) return
    fatal = describeFatal(payload.error, payload.groupId)
    events.emit('fatal', fatal)
    // As KafkaJS disconnects the consumer itself; a next run connects again.
    deadLetters?.disconnect().catch(() => undefined)
  })

  const consumer: Consumer = {
    ...inner,
    async connect(): Promise<void> {
      await inner.connect()
      await deadLetters?.connect()
    },
    async subscribe(subscription: Subscription): Promise<void> {
      for (const topic of subscribedTopics(subscription)) {
        // Which topics a pattern matches shows only at delivery.
        if (typeof topic === 'string') checkLetterBox(rules.forReading(topic), deadLetters)
        else checkLetterBoxOfPattern(rules.hasDeadLetters, deadLetters)
      }
      await inner.subscribe(subscription)
    },
    async run(config: ConsumerRunConfig = {}): Promise<void> {
      fatal = undefined
      // Run while it runs, KafkaJS goes on with the first run, which must still hear of a stop.
      if (stopping.signal.aborted) stopping = new AbortController()
      const delivery = new Delivery(host, stopping.signal, () => groupId)
      const { eachMessage, eachBatch, eachBatchAutoResolve = true } = config
      await inner.run({
        ...config,
        ...(eachMessage ? { eachMessage: openingEachMessage(eachMessage, delivery) } : {}),
        ...(eachBatch ? { eachBatch: openingEachBatch(eachBatch, delivery, eachBatchAutoResolve) } : {}),
      })
    },
    stop(): Promise<void> {
      stopping.abort()
      return inner.stop()
    },
    async disconnect(): Promise<void> {
      stopping.abort()
      // Whoever ends a consumer has seen why it stopped.
      fatal = undefined
      try {
        await inner.disconnect()
      } finally {
        await deadLetters?.disconnect()
      }
    },
  }
  return { consumer, fatal: () => fatal }
}

/** What is no list of names and patterns is KafkaJS's to refuse. */
function subscribedTopics(subscription: Subscription): (string | RegExp)[] {
  const topics: unknown = 'topics' in subscription ? subscription.topics : [subscription.topic]
  return Array.isArray(topics)
    ? topics.filter((topic) => typeof topic === 'string' || topic instanceof RegExp)
    : []
}

/** An error that is not ours is only named: its text may quote what a handler was given. */
function describeFatal(error: Error, groupId: string): Fatal {
  const cause = isEnvelopeError(error) ? error : error.cause
  if (!isEnvelopeError(cause)) {
    const name = cause instanceof Error ? cause.name : error.name
    return { groupId, code: undefined, message: `the consumer stopped for good with ${name}` }
  }
  return { groupId, code: cause.code, message: cause.message, ...cause.position }
}
