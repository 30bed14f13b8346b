import type { Consumer, ConsumerCrashEvent, ConsumerRunConfig } from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { EncryptionEvents, EventHub } from '../../events.js'
import type { Opener } from '../../record/opener.js'
import type { RuleBook } from '../../record/rules.js'
import { Delivery } from './delivery.js'
import { openingEachBatch, openingEachMessage } from './handlers.js'

/** Both forms of it. */
type Subscription = Parameters<Consumer['subscribe']>[0]

/** Why a consumer stopped for good. */
export type Fatal = EncryptionEvents['fatal']

/** What a wrapped consumer shares with its owner. */
export interface ConsumerHost {
  readonly rules: RuleBook
  readonly opener: Opener
  readonly events: EventHub
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

  // KafkaJS restarts what crashed with a retriable error; else the process lives on with no consumer.
  inner.on(inner.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    if (payload.restart) return
    fatal = describeFatal(payload.error, payload.groupId)
    host.events.emit('fatal', fatal)
  })

  const consumer: Consumer = {
    ...inner,
    async subscribe(subscription: Subscription): Promise<void> {
      for (const topic of subscribedTopics(subscription)) host.rules.forReading(topic)
      await inner.subscribe(subscription)
    },
    async run(config: ConsumerRunConfig = {}): Promise<void> {
      fatal = undefined
      // Run while it runs, KafkaJS goes on with the first run, which must still hear of a stop.
      if (stopping.signal.aborted) stopping = new AbortController()
      const delivery = new Delivery(host, stopping.signal)
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
    disconnect(): Promise<void> {
      stopping.abort()
      // Whoever ends a consumer has seen why it stopped.
      fatal = undefined
      return inner.disconnect()
    },
  }
  return { consumer, fatal: () => fatal }
}

/** Topics named in full; which topics a pattern matches shows only at delivery. */
function subscribedTopics(subscription: Subscription): string[] {
  const topics: unknown = 'topics' in subscription ? subscription.topics : [subscription.topic]
  // What is no list is KafkaJS's to refuse.
  return Array.isArray(topics) ? topics.filter((topic) => typeof topic === 'string') : []
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
