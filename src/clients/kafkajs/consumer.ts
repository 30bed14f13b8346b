import { isRegExp } from 'node:util/types'
import type {
  Consumer,
  ConsumerCrashEvent,
  ConsumerGroupJoinEvent,
  ConsumerRunConfig,
  KafkaMessage,
  Message,
  Producer,
} from 'kafkajs'
import { isEnvelopeError } from '../../errors.js'
import type { Encryption } from '../../encryption.js'
import { nameOfThrown } from '../../events.js'
import {
  internalsOf,
  type ActiveConsumer,
  type ConsumerStopped,
  type Internals,
} from '../../record/internals.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { delegate } from '../shared/delegate.js'
import { Claims } from '../shared/claims.js'
import { Delivery, type DeliveryClient } from '../shared/delivery.js'
import { Waits } from '../shared/waits.js'
import { deadLetter } from './dead-letter.js'
import { checkGiven } from './given.js'
import { openingEachBatch, openingEachMessage, type Handling } from './handlers.js'
import { letterSender } from './letter-sender.js'
import {
  checkDeadLetters,
  checkDeadLettersOfPattern,
  deadLetterProducerOf,
  type DeadLetterProducer,
} from './dead-letter-producer.js'

/** Both forms of it. */
type Subscription = Parameters<Consumer['subscribe']>[0]

export interface DecryptOptions {
  /**
   * Sends the dead letters of rules that have a topic for them (`deadLetter`), and those that a handler asks for. Not a
   * wrapped producer, since records go out unchanged; connect it before the consumer runs, and disconnect it after the consumer.
   */
  readonly deadLetters?: Producer
}

/** What a wrapped consumer shares with its encryption, and what takes its dead letters. */
export type ConsumerHost = Pick<Internals, 'rules' | 'opener' | 'events' | 'consumers' | 'clock'> & {
  readonly deadLetters: DeadLetterProducer | undefined
}

/**
 * A consumer that opens what it delivers; otherwise the one given, which is not changed. Its `subscribe` rejects
 * with CONFIG_INVALID where a rule has dead letters and `deadLetters` is missing; where a topic is subscribed to by
 * a pattern, any rule counts.
 *
 * @throws EnvelopeError CONFIG_INVALID where `deadLetters` is a wrapped producer, or an argument is not what its type says
 */
export function decryptConsumer(
  consumer: Consumer,
  encryption: Encryption,
  { deadLetters }: DecryptOptions = {},
): Consumer {
  checkGiven(consumer, 'consumer', 'decryptConsumer')
  const internals = internalsOf(encryption, 'decryptConsumer')
  const letters = deadLetters === undefined ? undefined : deadLetterProducerOf(deadLetters)
  return decryptingConsumer(consumer, { ...internals, deadLetters: letters })
}

/** A consumer that opens what it delivers; all else is the inner consumer's. */
export function decryptingConsumer(inner: Consumer, host: ConsumerHost): Consumer {
  let crash: ConsumerStopped | undefined
  let groupId: string | undefined
  const claims = new Claims()
  const waits = new Waits(host.clock)
  const { rules, events, deadLetters, consumers: active } = host
  const self: ActiveConsumer = { stopped: () => crash, waiting: () => waits.list() }
  const release = (): void => {
    crash = undefined
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
    crash = describeStop(payload.error, payload.groupId)
    events.emit('consumer.stopped', crash)
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
        if (typeof topic === 'string') ruleOf(topic)
        else checkDeadLettersOfPattern(rules.hasDeadLetters, deadLetters)
      }
      await inner.subscribe(subscription)
    },
    async run(config: ConsumerRunConfig = {}): Promise<void> {
      crash = undefined
      waits.clear()
      claims.start()
      active.add(self)
      const letters = deadLetters && letterSender(deadLetters)
      const client: DeliveryClient<KafkaMessage, Message> = {
        letters,
        groupId: () => groupId,
        deadLetter,
      }
      const handling: Handling = {
        ruleOf,
        rules: new Map(),
        delivery: new Delivery(host, client, waits),
        claims,
        seek: (to) => {
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
  function ruleOf(topic: string): ReadingRule | undefined {
    const rule = rules.forReading(topic)
    if (rule === 'passthrough') return undefined
    checkDeadLetters(rule, deadLetters)
    return rule
  }
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
    return { groupId, code: undefined, message: `the consumer stopped permanently with ${name}` }
  }
  return { groupId, code: cause.code, message: cause.message, ...cause.position }
}
