import { isPromise } from 'node:util/types'
import { ClientKafka } from '@nestjs/microservices'
import type { EachMessagePayload, Kafka } from 'kafkajs'
import { encryptKafka } from '../clients/kafkajs/index.js'
import { closed, opened } from './closing.js'
import { sealingOf, type SealedKafkaOptions, type Sealing } from './options.js'
import { checkRequests } from './reply-topics.js'
import { contentOf, ERROR_HEADER, NOT_AUTHENTIC } from './sealed-reply.js'

type Message = EachMessagePayload['message']

/** Nest's header by which a client finds the request to a reply. */
const CORRELATION_ID = 'kafka_correlationId'

/**
 * Nest's `ClientKafka`, which seals requests and events and opens replies. `subscribeToResponseOf` throws
 * TOPIC_NOT_CONFIGURED if the topic of the requests or that of the replies (`<pattern>.reply`) has no rule, or if the
 * replies would be in the clear although the requests are encrypted. A subclass may have a `createClient` of its own,
 * whose client is wrapped too.
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
      const sealing = sealingOf(options, 'SealedClientKafka')
      this.sealing = sealing
      // Not as a method: one of a subclass would take its place, and what the client sends would be in the clear.
      const create = this.createClient.bind(this)
      this.createClient = <T>(): Promise<T> => {
        const made: Kafka | Promise<Kafka> = create<Kafka>()
        const wrapped = (kafka: Kafka): Kafka => encryptKafka(kafka, sealing.encryption)
        return (isPromise(made) ? made.then(wrapped) : wrapped(made)) as Promise<T>
      }
    }

    override subscribeToResponseOf(pattern: unknown): void {
      const topic = this.normalizePattern(pattern as string)
      checkRequests(this.sealing.rules, topic, this.getResponsePatternName(topic))
      super.subscribeToResponseOf(pattern)
    }

    override connect(): ReturnType<ClientKafka['connect']> {
      opened(this.sealing.encryption, this)
      return super.connect()
    }

    override createResponseCallback(): (payload: EachMessagePayload) => unknown {
      const callback = super.createResponseCallback() as (payload: EachMessagePayload) => unknown
      return (payload) => {
        // Nest would throw, and KafkaJS would deliver this record again for ever, so that no reply arrives.
        const id: unknown = payload.message.headers?.[CORRELATION_ID]
        if (id === null) return Promise.resolve()
        return callback({ ...payload, message: this.asNestSendsIt(payload.topic, payload.message) })
      }
    }

    override async close(): Promise<void> {
      await super.close()
      closed(this.sealing.encryption, this)
    }

    /** A reply in Nest's own form. What it says is decided by its value: a header or a null value is not authenticated. */
    private asNestSendsIt(topic: string, message: Message): Message {
      const { rules, errorsInHeader } = this.sealing
      if (rules.forReading(topic) === 'passthrough') return message
      const content = message.value === null ? undefined : contentOf(message.value)
      if (content && 'error' in content) return withError(message, content.error)
      const isSealed = content !== undefined && message.headers?.[ERROR_HEADER] === undefined
      if (!isSealed && !errorsInHeader) return withError(message, NOT_AUTHENTIC)
      return { ...message, value: content?.value ?? null }
    }
  }

function withError(message: Message, error: Buffer | string): Message {
  return { ...message, value: null, headers: { ...message.headers, [ERROR_HEADER]: error } } as Message
}
