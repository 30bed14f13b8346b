import { ServerKafka } from '@nestjs/microservices'
import type { Kafka } from 'kafkajs'
import { encryptKafka } from '../clients/kafkajs/index.js'
import { isEnvelopeError } from '../errors.js'
import { closed, opened } from './closing.js'
import { sealingOf, type SealedKafkaOptions, type Sealing } from './options.js'
import { replyTopicOf, sealsReplies, sealsReply } from './reply-topics.js'
import { ERROR_HEADER, ERROR_IS_SEALED, marked, valueOfError, valueOfReply } from './sealed-reply.js'

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
    try {
      const isSealed = sealsReply(this.sealing.rules, context.getTopic(), replyTopic, context.getMessage())
      if (!isSealed) this.plainReplies.add(response)
      return await super.sendMessage(...given)
    } catch (error) {
      // Nest 11 would end the process, because nobody handles the rejection: whoever can write to the topic of the
      // requests could cause that with a header.
      this.logger.error(`No reply was sent: ${reasonOf(error)}`)
      return []
    }
  }

  override assignErrorHeader(...[response, message]: Given<'assignErrorHeader'>): void {
    super.assignErrorHeader(response, message)
    if (this.plainReplies.has(response)) return
    const text = message.headers?.[ERROR_HEADER]
    if (this.sealing.errorsInHeader) message.value = marked(message.value)
    else if (text === undefined) message.value = valueOfReply(message.value)
    else {
      message.value = valueOfError(text as Buffer)
      message.headers = { ...message.headers, [ERROR_HEADER]: ERROR_IS_SEALED }
    }
  }

  override async close(): Promise<void> {
    await super.close()
    closed(this.sealing.encryption, this)
  }
}

/** Why a reply was not sent. Node.js quotes values in its errors, so of errors that are not ours or KafkaJS's, only the name. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return isEnvelopeError(error) || error.name.startsWith('KafkaJS') ? error.message : error.name
}
