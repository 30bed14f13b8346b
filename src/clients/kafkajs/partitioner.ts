import type { ICustomPartitioner, Message } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { EnvelopeError, shownTopic } from '../../errors.js'
import { internalsOf, type Internals } from '../../record/internals.js'
import { hasEnvelopePrefix } from '../../record/record.js'
import type { TopicPart } from '../shared/sends.js'

/**
 * What messages were before they were sealed, for partitioners: KafkaJS chooses a partition after us, and the same
 * message must go to the same partition as before it was encrypted.
 */
export class PlainMessages {
  /** By what KafkaJS was handed; forgotten with it. */
  readonly #plain = new WeakMap<Message, Message>()
  #areWanted = false

  /** Whether there is a partitioner that looks at them. */
  get areWanted(): boolean {
    return this.#areWanted
  }

  /** Readies a part for KafkaJS: a partitioner finds the messages as they were, or is refused. */
  handOver(part: readonly TopicPart<Message>[]): { topic: string; messages: Message[] }[] {
    return part.map(({ topic, messages, plain }) => {
      if (this.#areWanted)
        for (const [i, message] of messages.entries()) this.#plain.set(message, plain[i] as Message)
      return { topic, messages: refuseBlindPartitioner(messages, topic) }
    })
  }

  /** The same partitioner, looking at messages as they were. */
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
    // Ciphertext would scatter what belongs together, without a word.
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

/** What all producers and partitioners of one encryption share. */
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

/**
 * Has a send fail where a partitioner that was not wrapped reads the ciphertext of its first sealed message. KafkaJS does
 * not tell which partitioner a producer has; it calls it for each message inside one `reduce` over the list.
 */
function refuseBlindPartitioner(messages: Message[], topic: string): Message[] {
  const first = messages.find(isSealed)
  if (first === undefined) return messages
  const { value } = first
  let choosesPartitions = false
  Object.defineProperty(first, 'value', {
    enumerable: true,
    configurable: true,
    get: () => {
      if (choosesPartitions) throw withoutPlaintext(topic)
      return value
    },
    set: (other: Message['value']) => {
      Object.defineProperty(first, 'value', { value: other, writable: true })
    },
  })
  const reduce = (step: (result: unknown, message: Message) => unknown, initial: unknown): unknown => {
    // KafkaJS collects messages by partition in an object. Others who reduce the list, to a size say, do not.
    choosesPartitions = typeof initial === 'object'
    try {
      return messages.slice().reduce(step, initial)
    } finally {
      choosesPartitions = false
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
