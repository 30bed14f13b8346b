import type {
  CallbackWithPromise,
  Producer,
  ProducerStream,
  ProducerStreamOptions,
  ProduceResult,
  SendOptions,
  Serializers,
} from '@platformatic/kafka'
import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { CompressionHint } from '../shared/compression-hint.js'
import { delegate } from '../shared/delegate.js'
import { REQUEST_MS, SEALING } from '../shared/sealing-producers.js'
import { InFlight, Sends } from '../shared/sends.js'
import { messagesOfSend, type Outgoing } from './at-call.js'
import { eitherWay, promised } from './callbacks.js'
import { optionsOf } from './given.js'
import { sealAndSend, type AnySend, type SenderTarget } from './sealed-sends.js'

export interface EncryptOptions<Key, Value, HeaderKey, HeaderValue> {
  /** Run before sealing, as the producer's own would. Without them, messages hold Buffers. */
  readonly serializers?: Partial<Serializers<Key, Value, HeaderKey, HeaderValue>>
}

/** The wrapped producer, whatever the types of its messages. */
type AnyProducer = Producer<unknown, unknown, unknown, unknown>
type Transaction = NonNullable<Producer['transaction']>
type AnyTransaction = NonNullable<AnyProducer['transaction']>
type AnyStream = ProducerStream<unknown, unknown, unknown, unknown>
type StreamOptions = ProducerStreamOptions<unknown, unknown, unknown, unknown>
type Send = (options: SendOptions<Buffer, Buffer, Buffer, Buffer>) => Promise<ProduceResult>

/**
 * Wraps a producer of `@platformatic/kafka`, without changing it: the returned producer seals what it sends, also in
 * transactions and from `asStream()`. Everything else is passed to the original. `close` first waits for earlier sends:
 * at most the longest `dekTimeout` of the rules, and 30 seconds more for the broker.
 *
 * Create the producer without `serializers`, and pass them here: its own would run on ciphertext. Partitioners get
 * messages as the application gave them.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument is not of its type, or the producer has serializers, a `registry` or
 * hooks of its own
 */
export function encryptProducer<Key = Buffer, Value = Buffer, HeaderKey = Buffer, HeaderValue = Buffer>(
  producer: Producer,
  encryption: Encryption,
  { serializers = {} }: EncryptOptions<Key, Value, HeaderKey, HeaderValue> = {},
): Producer<Key, Value, HeaderKey, HeaderValue> {
  const options = optionsOf(producer, 'producer', 'encryptProducer(producer, …)')
  const internals = internalsOf(encryption, 'encryptProducer')
  const inFlight = new InFlight()
  const streams = new Set<AnyStream>()
  const transactions = new WeakMap<Transaction, AnyTransaction>()
  let closing: Promise<void> | undefined
  const common: Omit<SenderTarget, 'sends'> = {
    serializers: serializers as SenderTarget['serializers'],
    own: options,
    hint: new CompressionHint(internals.events),
    // A send after `close`: the client refuses it, unless it could not be closed.
    gate: () => closing?.catch(() => undefined),
  }
  const sealing = (
    send: Send,
    counted: readonly InFlight[],
  ): ((options: AnySend, callback?: CallbackWithPromise<ProduceResult>) => Promise<ProduceResult>) => {
    const target = { ...common, sends: new Sends<Outgoing>(internals, counted) }
    return (options, callback) => eitherWay(sealAndSend({ ...options }, send, target), callback)
  }
  const wrapped = (transaction: Transaction): AnyTransaction => {
    const known = transactions.get(transaction)
    if (known !== undefined) return known
    const sentInIt = new InFlight()
    const ended =
      (end: () => Promise<void>) =>
      (callback?: CallbackWithPromise<void>): Promise<void> =>
        eitherWay(sentInIt.ended().then(end), callback)
    const outer = delegate(transaction as unknown as AnyTransaction, {
      send: sealing((options) => transaction.send(options), [inFlight, sentInIt]),
      commit: ended(() => transaction.commit()),
      abort: ended(() => transaction.abort()),
    })
    transactions.set(transaction, outer)
    return outer
  }
  const close = async (force: boolean): Promise<void> => {
    // The inner producer refuses to close while there are streams, unless it is forced.
    if (force) await Promise.all([...streams].map(closed))
    if (force || streams.size === 0)
      await inFlight.endedWithin(internals.sealer.longestDekTimeoutMs + REQUEST_MS, internals.clock)
    await promised((callback) => {
      producer.close(force, callback)
    })
  }
  const withBytes = (given: AnySend): SendOptions<Buffer, Buffer, Buffer, Buffer> => {
    const messages = messagesOfSend(given.messages, common.serializers).flatMap(({ topic, records }) =>
      records.map((record) => ({ ...record.given, topic, key: record.key })),
    )
    return { ...given, messages } as never
  }
  const withKeys =
    (name: 'getSendBrokers' | 'getSendConnections') =>
    (given: AnySend, ...rest: unknown[]): unknown =>
      (producer[name] as (...args: unknown[]) => unknown).call(producer, withBytes(given), ...rest)
  const asStream = (given: StreamOptions = {}): AnyStream => {
    // The inner stream only counts as open, and knows the class. The other one sends through the wrapped producer.
    const counted = producer.asStream(given)
    const Stream = counted.constructor as new (producer: AnyProducer, options: StreamOptions) => AnyStream
    const stream = new Stream(outer, given)
    streams.add(stream)
    stream.once('close', () => {
      streams.delete(stream)
      counted.destroy()
    })
    return stream
  }
  const own: object = {
    [SEALING]: true,
    get transaction() {
      return producer.transaction && wrapped(producer.transaction)
    },
    send: sealing((given) => producer.send(given), [inFlight]),
    asStream,
    beginTransaction: (given?: object, callback?: CallbackWithPromise<AnyTransaction>) =>
      eitherWay(producer.beginTransaction(given).then(wrapped), callback),
    getSendTopicPartitions: (given: AnySend) => producer.getSendTopicPartitions(withBytes(given)),
    getSendBrokers: withKeys('getSendBrokers'),
    getSendConnections: withKeys('getSendConnections'),
    close: (force?: boolean | CallbackWithPromise<void>, callback?: CallbackWithPromise<void>) => {
      closing ??= close(force === true).finally(() => (closing = undefined))
      return eitherWay(closing, typeof force === 'function' ? force : callback)
    },
  }
  const outer = delegate(producer as unknown as AnyProducer, own)
  return outer as unknown as Producer<Key, Value, HeaderKey, HeaderValue>
}

function closed(stream: AnyStream): Promise<void> {
  return promised((callback) => {
    stream.close(callback)
  })
}
