import type { ICustomPartitioner, Message } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { EnvelopeError, shownTopic } from '../../errors.js'
import { internalsOf, type Internals } from '../../record/internals.js'
import { hasEnvelopePrefix } from '../../record/record.js'
import type { TopicPart } from '../shared/sends.js'

/**
 * The messages before sealing, for partitioners. KafkaJS chooses a partition after sealing, and a message must go to
 * the same partition as before it was encrypted.
 */
export class PlainMessages {
  /** Keyed by the message that KafkaJS was given, and forgotten with it. */
  readonly #plain = new WeakMap<Message, Message>()
  #areWanted = false

  /** Whether there is a partitioner that uses them. */
  get areWanted(): boolean {
    return this.#areWanted
  }

  /** Prepares a part for KafkaJS: a partitioner either sees the messages before sealing, or is refused. */
  handOver(part: readonly TopicPart<Message>[]): { topic: string; messages: Message[] }[] {
    return part.map(({ topic, messages, plain }) => {
      if (this.#areWanted)
        for (const [i, message] of messages.entries()) this.#plain.set(message, plain[i] as Message)
      return { topic, messages: refuseBlindPartitioner(messages, topic) }
    })
  }

  /** The same partitioner, but with the messages before sealing. */
  partitioner(create: ICustomPartitioner): ICustomPartitioner {
    this.#areWanted = true
    return () => {
      const choose = create()
      return (args) => choose({ ...args, message: this.#of(args.message, args.topic) })
    }
  }

  #of(message: Message, topic: string): Message {
    const plain = this.#plain.get(message)
    if (plain !== undefined) return plain
    // With ciphertext, records that belong together would silently go to different partitions.
    if (isSealed(message))
      throw withoutPlaintext(
        topic,
        'Wrap the KafkaJS producer itself: code between it and this wrapper copies messages',
      )
    return message
  }
}

/** Registered globally: it is kept with the internals, which several copies of the package may share. */
const PLAIN_MESSAGES = Symbol.for('kafka-envelope.kafkajs.plain-messages')

/** The state that all producers and partitioners of one encryption share. */
export function plainMessagesOf(
  internals: Internals & { [PLAIN_MESSAGES]?: PlainMessages | undefined },
): PlainMessages {
  return (internals[PLAIN_MESSAGES] ??= new PlainMessages())
}

/**
 * Makes a custom partitioner see messages as they were before sealing. For `createPartitioner` of producers that
 * are then wrapped; clients from `encryptKafka` do this themselves.
 *
 * @throws EnvelopeError CONFIG_INVALID if `encryption` does not match its type
 */
export function encryptionPartitioner(
  createPartitioner: ICustomPartitioner,
  encryption: Encryption,
): ICustomPartitioner {
  return plainMessagesOf(internalsOf(encryption, 'encryptionPartitioner')).partitioner(createPartitioner)
}

/** The state of a message whose value a partitioner may not read. */
interface Guard {
  readonly topic: string
  readonly value: Message['value']
  choosesPartitions: boolean
}

const GUARD = Symbol('guard')

/**
 * The same functions for all messages: V8 keeps functions of an accessor until its next full garbage collection, and with
 * them all that they refer to.
 */
const GUARDED_VALUE: PropertyDescriptor & ThisType<{ readonly [GUARD]: Guard }> = {
  enumerable: true,
  configurable: true,
  get() {
    const { topic, value, choosesPartitions } = this[GUARD]
    if (choosesPartitions) throw withoutPlaintext(topic)
    return value
  },
  set(value: Message['value']) {
    Object.defineProperty(this, 'value', { value, writable: true, enumerable: true, configurable: true })
  },
}

/**
 * Makes a send fail if a partitioner that was not wrapped reads the ciphertext of its first sealed message. KafkaJS
 * does not reveal which partitioner a producer has, but it calls the partitioner for each message inside one `reduce`
 * over the list.
 */
function refuseBlindPartitioner(messages: Message[], topic: string): Message[] {
  const first = messages.find(isSealed)
  if (first === undefined) return messages
  const guard: Guard = { topic, value: first.value, choosesPartitions: false }
  Object.defineProperty(first, GUARD, { value: guard })
  Object.defineProperty(first, 'value', GUARDED_VALUE)
  const reduce = (step: (result: unknown, message: Message) => unknown, initial: unknown): unknown => {
    // KafkaJS collects messages by partition in an object. Other code that reduces the list, for example to a size,
    // does not.
    guard.choosesPartitions = typeof initial === 'object'
    try {
      return messages.slice().reduce(step, initial)
    } finally {
      guard.choosesPartitions = false
    }
  }
  return Object.defineProperty(messages, 'reduce', { value: reduce, configurable: true, writable: true })
}

function isSealed({ value }: Message): boolean {
  return Buffer.isBuffer(value) && hasEnvelopePrefix(value)
}

function withoutPlaintext(
  topic: string,
  remedy = 'Create the producer with `createPartitioner: encryptionPartitioner(yours, encryption)`, or with a client from `encryptKafka`',
): EnvelopeError {
  return new EnvelopeError(
    'PARTITIONER_WITHOUT_PLAINTEXT',
    `a partitioner for topic ${shownTopic(topic)} reads the value of a sealed message without access to its plaintext`,
    { remedy },
  )
}
