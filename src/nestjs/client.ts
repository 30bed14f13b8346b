import { isPromise } from 'node:util/types'
import { ClientKafka } from '@nestjs/microservices'
import type { EachMessagePayload, Kafka } from 'kafkajs'
import { encryptKafka } from '../clients/kafkajs/index.js'
import { closed, opened } from './closing.js'
import { sealingOf, type SealedKafkaOptions, type Sealing } from './options.js'
import { checkRequests } from './reply-topics.js'
import { ERROR_HEADER, ERROR_NOT_AUTHENTIC, errorOfValue } from './sealed-error.js'

type Message = EachMessagePayload['message']

/**
 * Nest's `ClientKafka`, which seals requests and events and opens replies. `subscribeToResponseOf` throws
 * TOPIC_NOT_CONFIGURED if the topic of the requests or that of the replies (`<pattern>.reply`) has no rule.
 *
 * @throws EnvelopeError CONFIG_INVALID if `options.encryption` is not an encryption
 */
export type SealedClientKafka = ClientKafka
// Declared by its constructor alone: `createClient` is synchronous in Nest 11, so no declaration of it suits both.
export const SealedClientKafka: new (options: SealedKafkaOptions) => ClientKafka =
  class SealedClientKafka extends ClientKafka {
    private readonly sealing: Sealing

    constructor(options: SealedKafkaOptions) {
      super(options)
      this.sealing = sealingOf(options, 'SealedClientKafka')
    }

    override subscribeToResponseOf(pattern: unknown): void {
      super.subscribeToResponseOf(pattern)
      const topic = this.normalizePattern(pattern as string)
      checkRequests(this.sealing.rules, topic, this.getResponsePatternName(topic))
    }

    override connect(): ReturnType<ClientKafka['connect']> {
      opened(this.sealing.encryption, this)
      return super.connect()
    }

    override createClient<T>(): Promise<T> {
      const { encryption } = this.sealing
      opened(encryption, this)
      const made: Kafka | Promise<Kafka> = super.createClient<Kafka>()
      const sealed = isPromise(made)
        ? made.then((kafka) => encryptKafka(kafka, encryption))
        : encryptKafka(made, encryption)
      return sealed as Promise<T>
    }

    override createResponseCallback(): (payload: EachMessagePayload) => unknown {
      const callback = super.createResponseCallback() as (payload: EachMessagePayload) => unknown
      return (payload) => callback({ ...payload, message: this.withItsError(payload.topic, payload.message) })
    }

    override async close(): Promise<void> {
      await super.close()
      closed(this.sealing.encryption, this)
    }

    /** Whether a reply is an error, and which, is decided by its value. The header alone is not authenticated. */
    private withItsError(topic: string, message: Message): Message {
      const error = errorOfValue(message.value)
      if (error !== undefined) return withError(message, error)
      const { rules, errorsInHeader } = this.sealing
      const isTrusted = errorsInHeader || rules.forReading(topic) === 'passthrough'
      return isTrusted || message.headers?.[ERROR_HEADER] === undefined
        ? message
        : withError(message, ERROR_NOT_AUTHENTIC)
    }
  }

/** The message as Nest's own server would have sent it. */
function withError(message: Message, error: Buffer | string): Message {
  return { ...message, value: null, headers: { ...message.headers, [ERROR_HEADER]: error } } as Message
}
