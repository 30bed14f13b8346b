import type { ICustomPartitioner, Message } from 'kafkajs'
import { EnvelopeError, shownTopic } from '../../errors.js'
import { hasEnvelopePrefix } from '../../record/record.js'

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

  remember(sealed: Message, plain: Message): void {
    this.#plain.set(sealed, plain)
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
    const { value } = message
    // Ciphertext would scatter what belongs together, without a word.
    if (Buffer.isBuffer(value) && hasEnvelopePrefix(value))
      throw new EnvelopeError(
        'PARTITIONER_WITHOUT_PLAINTEXT',
        `a partitioner for topic ${shownTopic(topic)} was given a sealed message whose plaintext is not known`,
      )
    return message
  }
}
