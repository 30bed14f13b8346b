import type { Message, Producer, ProducerBatch, ProducerRecord, RecordMetadata, Transaction } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { internalsOf, type Internals } from '../../record/internals.js'
import type { Bytes } from '../../record/record.js'
import type { Sealing } from '../../record/sealer.js'
import { delegate } from '../shared/delegate.js'
import { messagesOfBatch, messagesOfSend, type MessagesAtCall } from './at-call.js'
import { checkGiven } from './given.js'
import { InFlight } from './in-flight.js'
import { SendOrder } from '../shared/send-order.js'
import { plainMessagesOf, refuseBlindPartitioner, type PlainMessages } from './partitioner.js'
import { splitToFit } from './split.js'

/** What sends: a producer or one of its transactions. */
type Sending = Pick<Producer, 'send' | 'sendBatch'>
type TopicMessages = Pick<ProducerRecord, 'topic' | 'messages'>
type Dispatch = (part: TopicMessages[]) => Promise<RecordMetadata[]>

/** What a wrapped producer shares with all others that have its encryption. */
type ProducerHost = Pick<Internals, 'sealer' | 'events'> & { readonly plainMessages: PlainMessages }

/** What the sends of one producer, or one transaction, share. */
interface Sends {
  readonly inner: Sending
  readonly host: ProducerHost
  readonly sendOrder: SendOrder
  readonly inFlight: readonly InFlight[]
  /** What a send has to wait for before all else; undefined where nothing. */
  gate(): Promise<unknown> | undefined
}

/** Marks what seals. Registered globally: two copies of the package may be loaded, and a copy of a producer keeps it. */
const SEALING: unique symbol = Symbol.for('kafka-envelope.sealing') as never

/** Beyond the wait for a DEK, `disconnect` gives sends what KafkaJS gives one request. */
const REQUEST_MS = 30_000

/** Whether a producer seals what it sends. */
export function isSealing(producer: object): boolean {
  return SEALING in producer
}

/**
 * A producer that seals what it sends; otherwise the one given, which is not changed. Its `disconnect` first waits for
 * the sends that were made before: at most the longest `dekTimeout` of the rules, and 30 seconds more for the broker.
 *
 * KafkaJS chooses partitions after sealing. Give a custom partitioner that looks at `value` as
 * `kafka.producer({ createPartitioner: encryptionPartitioner(yours, encryption) })`, or to a client from `encryptKafka`.
 * Otherwise a send rejects with PARTITIONER_WITHOUT_PLAINTEXT if the partitioner reads the value of its first message.
 *
 * @throws EnvelopeError CONFIG_INVALID where one of them is not what its type says
 */
export function encryptProducer(inner: Producer, encryption: Encryption): Producer {
  checkGiven(inner, 'producer', 'encryptProducer')
  const internals = internalsOf(encryption, 'encryptProducer')
  const host: ProducerHost = { ...internals, plainMessages: plainMessagesOf(internals) }
  const inFlight = new InFlight()
  let disconnecting: Promise<void> | undefined
  const disconnect = async (): Promise<void> => {
    await inFlight.endedWithin(host.sealer.longestKeyWaitMs + REQUEST_MS)
    await inner.disconnect()
  }
  const sendsOf = (sending: Sending, counted: readonly InFlight[]): Sends => ({
    inner: sending,
    host,
    sendOrder: new SendOrder(),
    inFlight: counted,
    // Sent while it disconnects: KafkaJS refuses it then, unless it is connected again.
    gate: () => disconnecting?.catch(() => undefined).then(() => askKafkaJs(sending)),
  })
  const own: Partial<Producer> & { readonly [SEALING]: true } = {
    [SEALING]: true,
    ...sealedSending(sendsOf(inner, [inFlight])),
    disconnect: () => {
      disconnecting ??= disconnect().finally(() => (disconnecting = undefined))
      return disconnecting
    },
    transaction: async (): Promise<Transaction> => {
      const transaction = await inner.transaction()
      const sentInIt = new InFlight()
      const { send, sendBatch } = sealedSending(sendsOf(transaction, [inFlight, sentInIt]))
      return delegate(transaction, {
        // That it has ended comes before what is wrong with a message.
        send: (record) => (transaction.isActive() ? send(record) : askKafkaJs(transaction)),
        sendBatch: (batch) => (transaction.isActive() ? sendBatch(batch) : askKafkaJs(transaction)),
        commit: async () => {
          await sentInIt.ended()
          await transaction.commit()
        },
      })
    },
  }
  return delegate(inner, own)
}

/** Sends nothing, so that KafkaJS says itself that it takes no messages now, if it does not. */
function askKafkaJs(sending: Sending): Promise<RecordMetadata[]> {
  return sending.sendBatch({ topicMessages: [] })
}

function sealedSending(sends: Sends): Sending {
  const { inner, host } = sends
  const deliver = (batches: readonly MessagesAtCall[], dispatch: Dispatch): Promise<RecordMetadata[]> => {
    const sent = sealAndSend(batches, sends, dispatch)
    for (const inFlight of sends.inFlight) inFlight.add(sent)
    return sent
  }
  return {
    // `async`: KafkaJS rejects, it never throws at the caller.
    // What the caller changes after the call is not part of it: a key may be awaited in between.
    send: async (record: ProducerRecord) => {
      const atCall = { ...record }
      return deliver([messagesOfSend(atCall, host.plainMessages.areWanted)], ([part]) =>
        inner.send({ ...atCall, messages: part?.messages ?? [] }),
      )
    },
    sendBatch: async (batch: ProducerBatch) => {
      const { topicMessages = [], ...atCall } = batch
      return deliver(messagesOfBatch(topicMessages, host.plainMessages.areWanted), (part) =>
        inner.sendBatch({ ...atCall, topicMessages: part }),
      )
    },
  }
}

async function sealAndSend(
  batches: readonly MessagesAtCall[],
  { host, sendOrder, gate }: Sends,
  dispatch: Dispatch,
): Promise<RecordMetadata[]> {
  const sealings = batches.map((batch) => host.sealer.begin(batch))
  const topics = batches.map(({ topic }) => topic)
  const before = [gate(), sendOrder.before(topics)].filter((wait) => wait !== undefined)
  let leave: (() => void) | undefined
  try {
    if (before.length > 0 || !sealings.every((sealing) => sealing.proceed())) {
      for (const sealing of sealings) sealing.hold()
      leave = sendOrder.enter(topics)
      await Promise.all(before)
      await Promise.all(sealings.map((sealing) => sealing.complete()))
    }
    const parts = partsOf(batches, sealings, host.plainMessages)
    if (parts.length > 1) {
      leave ??= sendOrder.enter(topics)
      host.events.emit('send.split', { topics, parts: parts.length })
    }
    const metadata: RecordMetadata[][] = []
    for (const part of parts.slice(0, -1)) metadata.push(await dispatch(part))
    const last = dispatch(parts.at(-1) ?? [])
    // Handed over: KafkaJS keeps the order from here on.
    leave?.()
    metadata.push(await last)
    return metadata.length === 1 ? (metadata[0] as RecordMetadata[]) : metadata.flat()
  } finally {
    leave?.()
  }
}

/** The sends that a batch takes: one, unless sealing made it too big. */
function partsOf(
  batches: readonly MessagesAtCall[],
  sealings: readonly Sealing[],
  plainMessages: PlainMessages,
): TopicMessages[][] {
  const parts: TopicMessages[][] = [[]]
  for (const [i, batch] of batches.entries()) {
    const sealing = sealings[i] as Sealing
    const sealed = batch.records.map((plain, n): Message => {
      const message = { ...plain, value: sealing.values[n] as Bytes | null }
      if (plainMessages.areWanted) plainMessages.remember(message, plain)
      return message
    })
    for (const [n, messages] of splitToFit(batch, sealed, sealing).entries())
      (parts[n] ??= []).push({
        topic: batch.topic,
        messages: refuseBlindPartitioner(messages, batch.topic),
      })
  }
  return parts
}
