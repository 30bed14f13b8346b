import { ServerKafka } from '@nestjs/microservices'
import type { Kafka } from 'kafkajs'
import { encryptKafka } from '../clients/kafkajs/index.js'
import { isEnvelopeError } from '../errors.js'
import { closed, opened } from './closing.js'
import { sealingOf, type SealedKafkaOptions, type Sealing } from './options.js'
import { checkReplyTopic, replyTopicOf, sealsReplies } from './reply-topics.js'
import { ERROR_HEADER, ERROR_IS_SEALED, valueOfError } from './sealed-error.js'

type Given<Method extends 'assignErrorHeader' | 'sendMessage' | 'start'> = Parameters<ServerKafka[Method]>

/**
 * Nest's `ServerKafka`, which opens requests and events and seals replies, with the errors of handlers. `listen` fails
 * with TOPIC_NOT_CONFIGURED if a topic has no rule, or the topic of a handler's replies (`<pattern>.reply`) has none.
 *
 * @throws EnvelopeError CONFIG_INVALID if `options.encryption` is not an encryption
 */
export class SealedServerKafka extends ServerKafka {
  private readonly sealing: Sealing
  /** Replies in the clear, because their rule says so. */
  private readonly plainReplies = new WeakSet()

  constructor(options: SealedKafkaOptions) {
    super(options)
    this.sealing = sealingOf(options, 'SealedServerKafka')
  }

  override async start(...[callback]: Given<'start'>): Promise<void> {
    const { encryption, rules } = this.sealing
    for (const [topic, handler] of this.messageHandlers as Map<unknown, { isEventHandler?: boolean }>) {
      // In Nest 12, a pattern may be a regular expression, which does not tell the topics.
      if (typeof topic === 'string' && handler.isEventHandler !== true)
        sealsReplies(rules, topic, replyTopicOf(topic))
    }
    opened(encryption, this)
    // Not in `createClient`, which is synchronous in Nest 11 and asynchronous in 12.
    const sealed: unknown = encryptKafka(this.client as Kafka, encryption)
    this.client = sealed as typeof this.client
    await super.start(callback)
  }

  override async sendMessage(...given: Given<'sendMessage'>): ReturnType<ServerKafka['sendMessage']> {
    const [response, replyTopic, , , context] = given
    const topic = context.getTopic()
    const { rules } = this.sealing
    try {
      if (rules.forReading(topic) !== 'passthrough') checkReplyTopic(topic, replyTopic, context.getMessage())
      if (!sealsReplies(rules, topic, replyTopic)) this.plainReplies.add(response)
      return await super.sendMessage(...given)
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      // Nest 11 would end the process, because nobody handles the rejection. Nest 12 would log it.
      this.logger.error(`No reply was sent: ${error.message}`)
      return []
    }
  }

  override assignErrorHeader(...[response, message]: Given<'assignErrorHeader'>): void {
    super.assignErrorHeader(response, message)
    const text = message.headers?.[ERROR_HEADER]
    if (text === undefined || this.sealing.errorsInHeader || this.plainReplies.has(response)) return
    message.value = valueOfError(text as Buffer)
    message.headers = { ...message.headers, [ERROR_HEADER]: ERROR_IS_SEALED }
  }

  override async close(): Promise<void> {
    await super.close()
    closed(this.sealing.encryption, this)
  }
}
