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
import { Delivery } from '../shared/delivery.js'
import { checkGiven } from '../shared/given.js'
import { Parking } from '../shared/parking.js'
import type { Place } from '../shared/place.js'
import { Waits } from '../shared/waits.js'
import type {
  ConfluentConsumer,
  ConfluentProducer,
  KafkaMessage,
  Message,
  PausedTopic,
  Subscription,
} from './client.js'
import { oneByOne, openingEachBatch, type Handling } from './handlers.js'
import { givenLetterProducer, letterSender, type LetterProducer } from './letters.js'
import { Partitions } from './partitions.js'

const EXPECTED = {
  what: "a consumer of Confluent's client",
  methods: ['run', 'assignment', 'pause'],
} as const
/**
 * How long the client may wait in a handler, in ms, for a key that was known and is lost from the cache again. A rebalance
 * waits for all handlers.
 */
const LONGEST_WAIT_MS = 10_000

export interface DecryptOptions {
  /**
   * Sends dead letters: those of rules with a dead-letter topic (`deadLetter`), and those that a handler asks for. It must
   * not be a wrapped producer, since records are sent unchanged. It needs `acks: -1`, which is the default. Connect it
   * before the consumer runs; disconnect it after the consumer.
   */
  readonly deadLetters?: Pick<ConfluentProducer, 'send'>
  /** The consumer group, which the client does not reveal: for events, and for a header of dead letters. */
  readonly groupId?: string
}

/** The parts of the encryption that a wrapped consumer uses, and what belongs to the consumer. */
export type ConsumerHost = Pick<Internals, 'rules' | 'opener' | 'events' | 'consumers' | 'clock'> & {
  readonly deadLetters: LetterProducer | undefined
  readonly groupId: string | undefined
}

/**
 * Wraps a consumer of Confluent's client, without changing it: the returned consumer opens the records that it delivers.
 * Its `subscribe` rejects with CONFIG_INVALID if the topic's rule has dead letters and `deadLetters` is missing; for a
 * pattern, the rules of all topics count.
 *
 * A record that the rule does not let pass stops its partition: it is paused at that record, until the application calls
 * `resume` or `seek` for it.
 *
 * @throws EnvelopeError CONFIG_INVALID if `deadLetters` is a wrapped producer, or an argument does not match its type
 */
export function decryptConsumer<C extends ConfluentConsumer>(
  consumer: C,
  encryption: Encryption,
  { deadLetters, groupId }: DecryptOptions = {},
): C {
  checkGiven(consumer, EXPECTED, 'decryptConsumer(consumer, …)')
  const internals = internalsOf(encryption, 'decryptConsumer')
  const letters = deadLetters === undefined ? undefined : givenLetterProducer(deadLetters)
  return decryptingConsumer(consumer, { ...internals, deadLetters: letters, groupId })
}

/** A consumer that opens the records that it delivers; everything else is passed to the inner consumer. */
export function decryptingConsumer<C extends ConfluentConsumer>(consumer: C, host: ConsumerHost): C {
  const inner: ConfluentConsumer = consumer
  const { rules, events, clock, deadLetters, groupId, consumers: active } = host
  const claims = new Claims()
  const waits = new Waits(clock)
  const partitions: Partitions = new Partitions(inner, clock, {
    lost(assigned) {
      parking.keepOnly(assigned)
      waits.keepOnly(assigned)
      delivery.forget()
    },
    ended: release,
  })
  const parking = new Parking(partitions, clock)
  const client = {
    letters: deadLetters && letterSender(deadLetters),
    longestWaitMs: LONGEST_WAIT_MS,
    groupId: () => groupId,
    deadLetter,
  }
  const delivery = new Delivery<KafkaMessage, Message>(host, client, { waits, parking })
  const self: ActiveConsumer = {
    stopped: () => partitions.stops,
    waiting: () => waits.list(),
    endWaits() {
      parking.leaveAll()
    },
  }
  const handling: Handling = {
    ruleOf,
    delivery,
    claims,
    clock,
    arrived(place) {
      if (parking.has(place)) parking.leave(place)
      partitions.arrived(place)
    },
    stop(place, error) {
      const stopped = describeStop(error, place, groupId)
      partitions.stop(place, stopped)
      waits.movedTo(place, undefined)
      events.emit('consumer.stopped', stopped)
    },
    pause: (place) => pause([{ topic: place.topic, partitions: [place.partition] }]),
  }
  const own: Partial<ConfluentConsumer> = {
    async connect() {
      await inner.connect()
      await deadLetters?.connect()
    },
    async subscribe(subscription) {
      for (const topic of subscribedTopics(subscription)) {
        // The topics that a pattern matches are known only at delivery.
        if (typeof topic === 'string' && !topic.startsWith('^')) ruleOf(topic)
        else checkDeadLettersOfPattern(rules.hasDeadLetters, deadLetters)
      }
      await inner.subscribe(subscription)
    },
    async run(config = {}) {
      const { eachMessage, eachBatch, eachBatchAutoResolve = true, ...others } = config
      const handler = eachMessage === undefined ? eachBatch : oneByOne(eachMessage, handling)
      if (handler === undefined) {
        await inner.run(config)
        return
      }
      claims.start()
      active.add(self)
      const autoResolve = eachMessage === undefined && eachBatchAutoResolve
      await inner.run({
        ...others,
        eachBatch: openingEachBatch(handler, handling, autoResolve),
        // The handler does this itself, because the client would resolve all of a batch that was cut.
        eachBatchAutoResolve: false,
      })
    },
    seek(to) {
      inner.seek(to)
      claims.seek(to)
      waits.movedTo(to, to.offset)
      parking.leave(to)
      partitions.endStop(to)
      delivery.forget()
    },
    pause,
    resume,
    paused: () => partitions.pausedByApplication(),
    async disconnect() {
      // A handler that waits ends now, and resolves nothing.
      claims.stop()
      release()
      try {
        await inner.disconnect()
      } finally {
        release()
        await deadLetters?.disconnect()
      }
    },
  }
  return delegate<ConfluentConsumer>(consumer, own) as C

  function pause(topics: PausedTopic[]): () => void {
    const places = partitions.of(topics)
    inner.pause(topics)
    partitions.paused(places)
    const all = listed(places)
    claims.pause(all)
    for (const place of parking.paused(all)) {
      partitions.release(place)
      waits.movedTo(place, undefined)
    }
    return () => {
      resume(all)
    }
  }
  function resume(topics: PausedTopic[]): void {
    // The client would resume the partitions that this library has parked, too.
    inner.resume(listed(partitions.resumed(partitions.of(topics))))
  }
  function release(): void {
    parking.clear()
    partitions.clear()
    waits.clear()
    active.delete(self)
  }
  function ruleOf(topic: string): ReadingRule | undefined {
    const rule = rules.forReading(topic)
    if (rule === 'passthrough') return undefined
    checkDeadLetters(rule, deadLetters)
    return rule
  }
}

function listed(places: readonly Place[]): { topic: string; partitions: number[] }[] {
  return places.map(({ topic, partition }) => ({ topic, partitions: [partition] }))
}

/** The client itself refuses anything other than names and patterns. */
function subscribedTopics({ topic, topics = [] }: Subscription): readonly (string | RegExp)[] {
  return topic === undefined ? topics : [topic]
}

/** Only names a foreign error: its text may quote the plaintext that a handler received. */
function describeStop(error: unknown, place: Place, groupId: string | undefined): ConsumerStopped {
  const group = groupId === undefined ? {} : { groupId }
  if (isEnvelopeError(error))
    return { ...group, code: error.code, message: error.message, ...place, ...error.position }
  return { ...group, code: undefined, message: `the partition stopped with ${nameOfThrown(error)}`, ...place }
}
