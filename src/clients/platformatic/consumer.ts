import type {
  CallbackWithPromise,
  ConsumeOptions,
  Consumer,
  Deserializers,
  MessagesStream,
  Producer,
} from '@platformatic/kafka'
import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { checkDeadLetterProducer, checkDeadLetters } from '../shared/check-dead-letters.js'
import { delegate } from '../shared/delegate.js'
import { eitherWay, promised } from './callbacks.js'
import { optionsOf, refuseHooks, type ClientOptions } from './given.js'
import { letterSender } from './letter-sender.js'
import { OpenedStream } from './opened-stream.js'
import type { AnyDeserializers } from './opened-message.js'

export interface DecryptOptions<Key, Value, HeaderKey, HeaderValue> {
  /** Run on what was opened, as the consumer's own would. Without them, messages hold Buffers. */
  readonly deserializers?: Partial<Deserializers<Key, Value, HeaderKey, HeaderValue>>
  /**
   * Sends dead letters: those of rules with a dead-letter topic (`deadLetter`), and those that a handler asks for. It must
   * not be a wrapped producer, since records are sent unchanged. Close it after the consumer.
   */
  readonly deadLetters?: Producer
}

/** A consumer, whatever the types of its messages. */
type AnyConsumer = Consumer<unknown, unknown, unknown, unknown>
type AnyStream = MessagesStream<unknown, unknown, unknown, unknown>
type AnyOptions = ConsumeOptions<unknown, unknown, unknown, unknown>

/** How often `autocommit: true` commits, in ms: the shortest interval that the client itself allows. */
const AUTOCOMMIT_MS = 100
/** The default of the client: how many records a stream keeps. */
const HIGH_WATER_MARK = 1024
/** Options of 2.x that streams of a wrapped consumer do not have. */
const UNSUPPORTED = ['registry', 'beforeDeserialization', 'onDeserializationError']

/**
 * Wraps a consumer of `@platformatic/kafka`, without changing it: the streams of the returned consumer open the records
 * that they deliver. A stream is destroyed with an EnvelopeError at a record that its rule does not let pass; nothing
 * after that record is delivered.
 *
 * With `autocommit`, also with the default `true`, a stream commits only what the application has handled: a message
 * counts as handled once the application asks for the next one, or its `data` listener has returned. The client itself
 * would commit what it has fetched, before anyone gets it.
 *
 * Create the consumer without `deserializers`, and pass them here: its own would run on ciphertext. `consume` rejects with
 * TOPIC_NOT_CONFIGURED if a topic has no rule, and with CONFIG_INVALID if the rule has dead letters and `deadLetters` is
 * missing.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument is not of its type, the consumer has deserializers, a `registry` or
 * hooks of its own, or `deadLetters` is a wrapped producer
 */
export function decryptConsumer<Key = Buffer, Value = Buffer, HeaderKey = Buffer, HeaderValue = Buffer>(
  consumer: Consumer,
  encryption: Encryption,
  { deserializers = {}, deadLetters }: DecryptOptions<Key, Value, HeaderKey, HeaderValue> = {},
): Consumer<Key, Value, HeaderKey, HeaderValue> {
  const own = optionsOf(consumer, 'consumer', 'decryptConsumer(consumer, …)')
  const internals = internalsOf(encryption, 'decryptConsumer')
  const letters = deadLetters === undefined ? undefined : letterSender(checked(deadLetters))
  const streams = new Set<OpenedStream>()
  const ruleOf = (topic: string): ReadingRule | undefined => {
    const rule = internals.rules.forReading(topic)
    if (rule === 'passthrough') return undefined
    checkDeadLetters(rule, letters)
    return rule
  }
  const release = (): void => {
    for (const stream of streams) {
      if (!stream.destroyed) continue
      stream.release()
      streams.delete(stream)
    }
  }
  const consume = async (given: AnyOptions): Promise<AnyStream> => {
    const { autocommit = own['autocommit'] ?? true, onCorruptedMessage, ...rest } = given
    refuseHooks(given as unknown as ClientOptions, 'consume(…)', UNSUPPORTED)
    if (Array.isArray(rest.topics)) rest.topics.forEach(ruleOf)
    const { deserializers: ofStream, ...options } = rest
    // The client itself refuses what is not a valid interval.
    const isValid = typeof autocommit === 'boolean' || (autocommit as number) >= AUTOCOMMIT_MS
    const inner = await consumer.consume({
      ...(options as ConsumeOptions<Buffer, Buffer, Buffer, Buffer>),
      autocommit: isValid ? false : (autocommit as number),
    })
    release()
    const stream = new OpenedStream({
      ...{ internals, inner, consumer, letters, ruleOf, onCorruptedMessage },
      outer,
      // As in the client, those of the consumer come first.
      deserializers: { ...ofStream, ...(deserializers as AnyDeserializers) },
      autocommitMs:
        autocommit === true ? AUTOCOMMIT_MS : autocommit === false ? undefined : (autocommit as number),
      maxRecords: options.highWaterMark ?? (own['highWaterMark'] as number | undefined) ?? HIGH_WATER_MARK,
      isCommitted: options.mode === 'committed',
    })
    streams.add(stream)
    // It has all members of the client's class, which has private ones.
    return stream as unknown as AnyStream
  }
  const close = async (force: boolean): Promise<void> => {
    if (force) await Promise.all([...streams].map((stream) => stream.close()))
    // Without `force`, the client refuses while there are streams.
    await promised((callback) => {
      consumer.close(force, callback)
    })
    for (const stream of streams) stream.release()
    streams.clear()
  }
  const members: object = {
    consume: (given: AnyOptions, callback?: CallbackWithPromise<AnyStream>) =>
      eitherWay(consume({ ...given }), callback),
    close: (force?: boolean | CallbackWithPromise<void>, callback?: CallbackWithPromise<void>) =>
      eitherWay(close(force === true), typeof force === 'function' ? force : callback),
  }
  const outer = delegate(consumer as unknown as AnyConsumer, members)
  return outer as unknown as Consumer<Key, Value, HeaderKey, HeaderValue>
}

/** @throws EnvelopeError CONFIG_INVALID */
function checked(deadLetters: Producer): Producer {
  checkDeadLetterProducer(deadLetters, '@platformatic/kafka')
  optionsOf(deadLetters, 'producer', 'decryptConsumer(…, { deadLetters })')
  return deadLetters
}
