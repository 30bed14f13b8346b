import { isRegExp } from 'node:util/types'
import type {
  Consumer,
  ConsumerCrashEvent,
  ConsumerGroupJoinEvent,
  ConsumerRunConfig,
  ConsumerStartBatchProcessEvent,
  KafkaMessage,
  Message,
  Producer,
  TopicPartitions,
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
import { checkDeadLetters, checkDeadLettersOfPattern } from '../shared/check-dead-letters.js'
import { Claims } from '../shared/claims.js'
import { deadLetter } from '../shared/dead-letter.js'
import { delegate } from '../shared/delegate.js'
import { Delivery, type DeliveryClient } from '../shared/delivery.js'
import { checkGiven } from '../shared/given.js'
import { Parking, type Reading } from '../shared/parking.js'
import type { Place } from '../shared/place.js'
import { Waits } from '../shared/waits.js'
import { openingEachBatch } from './each-batch.js'
import { openingEachMessage } from './each-message.js'
import type { Handling, Pausing } from './handling.js'
import { LeftBatches } from './left-batches.js'
import { letterSender } from './letter-sender.js'
import { Pauses } from './pauses.js'
import { deadLetterProducerOf, type DeadLetterProducer } from './dead-letter-producer.js'

/** `subscribe` accepts both forms. */
type Subscription = Parameters<Consumer['subscribe']>[0]

const EXPECTED = { what: 'a KafkaJS consumer', methods: ['run', 'on'] } as const

export interface DecryptOptions {
  /**
   * Sends dead letters: those of rules with a dead-letter topic (`deadLetter`), and those that a handler asks for. It must
   * not be a wrapped producer, since records are sent unchanged. Connect it before the consumer runs; disconnect it after
   * the consumer.
   */
  readonly deadLetters?: Producer
}

/** The parts of the encryption that a wrapped consumer uses, and the producer of its dead letters. */
export type ConsumerHost = Pick<Internals, 'rules' | 'opener' | 'events' | 'consumers' | 'clock'> & {
  readonly deadLetters: DeadLetterProducer | undefined
}

/**
 * Wraps a KafkaJS consumer, without changing it: the returned consumer opens the records that it delivers. Its `subscribe`
 * rejects with CONFIG_INVALID if the topic's rule has dead letters and `deadLetters` is missing; for a pattern, the
 * rules of all topics count.
 *
 * @throws EnvelopeError CONFIG_INVALID if `deadLetters` is a wrapped producer, or an argument does not match its type
 */
export function decryptConsumer(
  consumer: Consumer,
  encryption: Encryption,
  { deadLetters }: DecryptOptions = {},
): Consumer {
  checkGiven(consumer, EXPECTED, 'decryptConsumer(consumer, …)')
  const internals = internalsOf(encryption, 'decryptConsumer')
  const letters = deadLetters === undefined ? undefined : deadLetterProducerOf(deadLetters)
  return decryptingConsumer(consumer, { ...internals, deadLetters: letters })
}

/** A consumer that opens the records that it delivers; everything else is passed to the inner consumer. */
export function decryptingConsumer(inner: Consumer, host: ConsumerHost): Consumer {
  let crash: ConsumerStopped | undefined
  let groupId: string | undefined
  let delivery: Delivery<KafkaMessage, Message> | undefined
  const claims = new Claims()
  const waits = new Waits(host.clock)
  const pauses = new Pauses()
  const left = new LeftBatches()
  const parking: Parking = new Parking(
    readingOf(inner, pauses, (place) => parking.has(place)),
    host.clock,
  )
  const pausing: Pausing = {
    paused(places) {
      pauses.pause(places)
      claims.pause(places)
      for (const place of parking.paused(places)) waits.movedTo(place, undefined)
      parking.pauseAgain()
    },
    resumed(places) {
      pauses.resume(places)
      parking.pauseAgain()
    },
  }
  const { rules, events, deadLetters, consumers: active } = host
  const self: ActiveConsumer = {
    stopped: () => (crash === undefined ? [] : [crash]),
    waiting: () => waits.list(),
    endWaits() {
      parking.leaveAll()
    },
  }
  /** KafkaJS forgets what is paused when it stops. */
  const forget = (): void => {
    parking.clear()
    pauses.clear()
    left.clear()
    waits.allOver()
  }
  const release = (): void => {
    crash = undefined
    forget()
    active.delete(self)
  }
  // Also handles an application that disconnects the inner consumer. A crash is reported after this event.
  inner.on(inner.events.DISCONNECT, release)
  inner.on(inner.events.STOP, forget)
  inner.on(inner.events.START_BATCH_PROCESS, ({ payload }: ConsumerStartBatchProcessEvent) => {
    left.began(payload)
  })

  inner.on(inner.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
    groupId = payload.groupId
    claims.keepOnly(payload.memberAssignment)
    waits.keepOnly(payload.memberAssignment)
    parking.keepOnly(payload.memberAssignment)
    delivery?.forget()
    active.add(self)
  })
  inner.on(inner.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    forget()
    if (claims.stopped) {
      // KafkaJS sets its restart timer after this event, even if it was stopped. Stopping it again ends the timer.
      if (payload.restart) queueMicrotask(() => void inner.stop().catch(() => undefined))
      return
    }
    // KafkaJS has disconnected the consumer before it reports a crash.
    active.add(self)
    // KafkaJS restarts after a retriable error; otherwise the process goes on without a consumer.
    if (payload.restart) return
    waits.clear()
    crash = describeStop(payload.error, payload.groupId)
    events.emit('consumer.stopped', crash)
    // KafkaJS disconnects its consumer too; the next run connects again.
    deadLetters?.disconnect().catch(() => undefined)
  })

  const consumer = delegate<Consumer>(inner, {
    async connect(): Promise<void> {
      await inner.connect()
      await deadLetters?.connect()
    },
    async subscribe(subscription: Subscription): Promise<void> {
      for (const topic of subscribedTopics(subscription)) {
        // The topics that a pattern matches are known only at delivery.
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
      const { eachMessage, eachBatch, eachBatchAutoResolve = true, autoCommit = true } = config
      const letters = deadLetters && letterSender(deadLetters)
      const client: DeliveryClient<KafkaMessage, Message> = {
        letters,
        groupId: () => groupId,
        deadLetter,
      }
      delivery = new Delivery(host, client, { waits, parking })
      const handling: Handling = {
        ruleOf,
        rules: new Map(),
        delivery,
        claims,
        pausing,
        left,
        keepPosition: async (at) => {
          if (!autoCommit) return
          try {
            await inner.commitOffsets([{ ...at }])
          } catch {
            // KafkaJS would not join again after an error from here. Its own next heartbeat reports the cause, if it lasts.
          }
        },
        seek: (to) => {
          inner.seek(to)
        },
      }
      await inner.run({
        ...config,
        ...(eachMessage ? { eachMessage: openingEachMessage(eachMessage, handling) } : {}),
        ...(eachBatch ? { eachBatch: openingEachBatch(eachBatch, handling, eachBatchAutoResolve) } : {}),
        // The handler does this itself, because KafkaJS would resolve all of a batch that was cut.
        eachBatchAutoResolve: false,
      })
    },
    seek(to): void {
      inner.seek(to)
      claims.seek(to)
      waits.movedTo(to, to.offset)
      parking.leave(to)
      delivery?.forget()
    },
    pause(paused): void {
      inner.pause(paused)
      pausing.paused(paused)
    },
    resume(resumed): void {
      inner.resume(resumed)
      pausing.resumed(resumed)
    },
    paused: () => pausedByApplication(inner, parking),
    stop(): Promise<void> {
      return stopped(inner.stop())
    },
    async disconnect(): Promise<void> {
      try {
        await stopped(inner.disconnect())
      } finally {
        // An application that disconnects a consumer knows why it stopped.
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
  /** Stops KafkaJS first, so that interrupted work finds it stopped. */
  async function stopped(stopping: Promise<void>): Promise<void> {
    claims.stop()
    waits.clear()
    forget()
    await stopping
  }
  return consumer
}

/** @param isParked whether a partition is parked */
function readingOf(inner: Consumer, pauses: Pauses, isParked: (place: Place) => boolean): Reading {
  return {
    isPaused: (place) => pauses.include(place),
    pause({ topic, partition }) {
      const exceptions = pauses.exceptions(topic)
      if (exceptions === undefined) {
        inner.pause([{ topic, partitions: [partition] }])
        return
      }
      // The whole topic is paused. A pause of one partition would replace that, so it takes fewer exceptions instead.
      inner.pause([{ topic }])
      const partitions = exceptions.filter((one) => one !== partition && !isParked({ topic, partition: one }))
      if (partitions.length > 0) inner.resume([{ topic, partitions }])
    },
    resume({ topic, partition }) {
      try {
        inner.resume([{ topic, partitions: [partition] }])
      } catch {
        // KafkaJS has stopped, so that nothing is paused anymore.
      }
    },
  }
}

/** The paused partitions, without those that only this library has paused. */
function pausedByApplication(inner: Consumer, parking: Parking): TopicPartitions[] {
  return inner
    .paused()
    .map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter((partition) => !parking.has({ topic, partition })),
    }))
    .filter(({ partitions }) => partitions.length > 0)
}

/** KafkaJS itself refuses anything other than a list of names and patterns. */
function subscribedTopics(subscription: Subscription): (string | RegExp)[] {
  const topics: unknown = 'topics' in subscription ? subscription.topics : [subscription.topic]
  return Array.isArray(topics) ? topics.filter((topic) => typeof topic === 'string' || isRegExp(topic)) : []
}

/** Only names a foreign error: its text may quote the plaintext that a handler received. */
function describeStop(error: Error, groupId: string): ConsumerStopped {
  const cause = isEnvelopeError(error) ? error : error.cause
  if (!isEnvelopeError(cause)) {
    const name = cause === undefined ? error.name : nameOfThrown(cause)
    return { groupId, code: undefined, message: `the consumer stopped permanently with ${name}` }
  }
  return { groupId, code: cause.code, message: cause.message, ...cause.position }
}
