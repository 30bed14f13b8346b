import { isRegExp } from 'node:util/types'
import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, ConsumerRunConfig } from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import { nameOfThrown, type EncryptionEvents, type EventHub, type Waiting } from '../../events.js'
import type { Opener } from '../../record/opener.js'
import type { TopicRules } from '../../record/topic-rules.js'
import { delegate } from '../shared/delegate.js'
import { Waits } from '../shared/waits.js'
import { Claims } from './claims.js'
import { Delivery } from './delivery.js'
import { checkGiven } from './given.js'
import { openingEachBatch, openingEachMessage } from './handlers.js'
import { checkLetterBox, checkLetterBoxOfPattern, type DeadLetterProducer } from './dead-letter-producer.js'

/** Both forms of it. */
type Subscription = Parameters<Consumer['subscribe']>[0]

/** Why a consumer stopped for good. */
export type ConsumerStopped = EncryptionEvents['consumer.stopped']

/** What a wrapped consumer is given: what it shares with its owner, and what takes its dead letters. */
export interface ConsumerHost {
  readonly rules: TopicRules
  readonly opener: Opener
  readonly events: EventHub
  readonly deadLetters: DeadLetterProducer | undefined
  /** The consumers that run or have stopped for good. One is released when it is disconnected. */
  readonly active: Set<ActiveConsumer>
}

/** What an owner may ask about a consumer. */
export interface ActiveConsumer {
  /** Why it stopped for good, until it is run again or disconnected. */
  readonly fatal: () => ConsumerStopped | undefined
  /** The records that it waits with. */
  readonly waiting: () => readonly Waiting[]
}

/** A consumer that opens what it delivers; all else is the inner consumer's. */
export function decryptingConsumer(inner: Consumer, host: ConsumerHost): Consumer {
  checkGiven(inner, 'consumer')
  let fatal: ConsumerStopped | undefined
  let groupId: string | undefined
  const claims = new Claims()
  const waits = new Waits()
  const { rules, events, deadLetters, active } = host
  const self: ActiveConsumer = { fatal: () => fatal, waiting: () => waits.list() }
  const release = (): void => {
    fatal = undefined
    active.delete(self)
  }
  // Also where the application disconnects the inner consumer. A crash is reported after this event.
  inner.on(inner.events.DISCONNECT, release)

  inner.on(inner.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
    groupId = payload.groupId
    waits.keepOnly(payload.memberAssignment)
    active.add(self)
  })
  inner.on(inner.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    if (claims.stopped) {
      // KafkaJS sets its timer for the restart after this event, although it was stopped. Stopping ends the timer.
      if (payload.restart) queueMicrotask(() => void inner.stop().catch(() => undefined))
      return
    }
    // KafkaJS has disconnected the consumer before it reports a crash.
    active.add(self)
    // It restarts what crashed with a retriable error; else the process lives on with no consumer.
    if (payload.restart) return
    waits.clear()
    fatal = describeStop(payload.error, payload.groupId)
    events.emit('consumer.stopped', fatal)
    // As KafkaJS disconnects the consumer itself; a next run connects again.
    deadLetters?.disconnect().catch(() => undefined)
  })

  const consumer = delegate<Consumer>(inner, {
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
      waits.clear()
      claims.start()
      active.add(self)
      const handling = {
        delivery: new Delivery(host, waits, () => groupId),
        claims,
        seek: (to: Parameters<Consumer['seek']>[0]) => {
          inner.seek(to)
        },
      }
      const { eachMessage, eachBatch, eachBatchAutoResolve = true } = config
      await inner.run({
        ...config,
        ...(eachMessage ? { eachMessage: openingEachMessage(eachMessage, handling) } : {}),
        ...(eachBatch ? { eachBatch: openingEachBatch(eachBatch, handling, eachBatchAutoResolve) } : {}),
        // Carried out by the handler: KafkaJS would resolve the whole of a batch that was cut.
        eachBatchAutoResolve: false,
      })
    },
    seek(to): void {
      inner.seek(to)
      claims.seek(to)
      waits.movedTo(to, to.offset)
    },
    pause(paused): void {
      inner.pause(paused)
      claims.pause(paused)
    },
    stop(): Promise<void> {
      return stopped(inner.stop())
    },
    async disconnect(): Promise<void> {
      try {
        await stopped(inner.disconnect())
      } finally {
        // Whoever ends a consumer has seen why it stopped.
        release()
        await deadLetters?.disconnect()
      }
    },
  })
  /** KafkaJS is told first: what is interrupted then finds it stopped. */
  async function stopped(stopping: Promise<void>): Promise<void> {
    claims.stop()
    waits.clear()
    await stopping
  }
  return consumer
}

/** What is no list of names and patterns is KafkaJS's to refuse. */
function subscribedTopics(subscription: Subscription): (string | RegExp)[] {
  const topics: unknown = 'topics' in subscription ? subscription.topics : [subscription.topic]
  return Array.isArray(topics) ? topics.filter((topic) => typeof topic === 'string' || isRegExp(topic)) : []
}

/** An error that is not ours is only named: its text may quote what a handler was given. */
function describeStop(error: Error, groupId: string): ConsumerStopped {
  const cause = isEnvelopeError(error) ? error : error.cause
  if (!isEnvelopeError(cause)) {
    const name = cause === undefined ? error.name : nameOfThrown(cause)
    return { groupId, code: undefined, message: `the consumer stopped for good with ${name}` }
  }
  return { groupId, code: cause.code, message: cause.message, ...cause.position }
}
