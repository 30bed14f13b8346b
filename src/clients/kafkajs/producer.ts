import type { Message, Producer, ProducerBatch, ProducerRecord, RecordMetadata, Transaction } from 'kafkajs'
import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { delegate } from '../shared/delegate.js'
import { messagesOfBatch, messagesOfSend, type MessagesAtCall } from '../shared/at-call.js'
import { CompressionHint } from '../shared/compression-hint.js'
import { checkGiven } from '../shared/given.js'
import { REQUEST_MS, SEALING } from '../shared/sealing-producers.js'
import { InFlight, Sends } from '../shared/sends.js'
import { plainMessagesOf, type PlainMessages } from './partitioner.js'

/** A producer or one of its transactions. */
type Sender = Pick<Producer, 'send' | 'sendBatch'>
type TopicMessages = Pick<ProducerRecord, 'topic' | 'messages'>

const EXPECTED = { what: 'a KafkaJS producer', methods: ['send'] } as const

/**
 * Wraps a producer so that it seals what it sends. The original is not changed, and everything else is passed to it.
 * `disconnect` first waits for earlier sends: at most the longest `dekTimeout` of the rules, and 30 seconds more for
 * the broker.
 *
 * KafkaJS chooses partitions after sealing. Wrap a custom partitioner that reads `value`:
 * `kafka.producer({ createPartitioner: encryptionPartitioner(yours, encryption) })`, or use a client from `encryptKafka`.
 * Otherwise a send rejects with PARTITIONER_WITHOUT_PLAINTEXT if the partitioner reads the value of its first message.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument is not of its type
 */
export function encryptProducer(inner: Producer, encryption: Encryption): Producer {
  checkGiven(inner, EXPECTED, 'encryptProducer(producer, …)')
  const internals = internalsOf(encryption, 'encryptProducer')
  const plainMessages = plainMessagesOf(internals)
  const inFlight = new InFlight()
  const hint = new CompressionHint(internals.events)
  let disconnecting: Promise<void> | undefined
  const disconnect = async (): Promise<void> => {
    await inFlight.endedWithin(internals.sealer.longestDekTimeoutMs + REQUEST_MS, internals.clock)
    await inner.disconnect()
  }
  const sealing = (sender: Sender, counted: readonly InFlight[]): Sender => {
    // A send during `disconnect`: KafkaJS refuses it unless the producer is connected again.
    const gate = (): Promise<unknown> | undefined =>
      disconnecting?.catch(() => undefined).then(() => askKafkaJs(sender))
    return sealedSender(sender, new Sends(internals, counted), { gate, plainMessages, hint })
  }
  const own: Partial<Producer> & { readonly [SEALING]: true } = {
    [SEALING]: true,
    ...sealing(inner, [inFlight]),
    disconnect: () => {
      disconnecting ??= disconnect().finally(() => (disconnecting = undefined))
      return disconnecting
    },
    transaction: async (): Promise<Transaction> => {
      const transaction = await inner.transaction()
      const sentInIt = new InFlight()
      const { send, sendBatch } = sealing(transaction, [inFlight, sentInIt])
      return delegate(transaction, {
        // A transaction that has ended is reported before a mistake in a message.
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

/** Sends an empty batch, so that KafkaJS itself reports if it does not accept messages now. */
function askKafkaJs(sender: Sender): Promise<RecordMetadata[]> {
  return sender.sendBatch({ topicMessages: [] })
}

/** The parts that the senders of one producer use. */
interface SenderTarget {
  /** A promise that a send waits for first; undefined for none. */
  readonly gate: () => Promise<unknown> | undefined
  readonly plainMessages: PlainMessages
  readonly hint: CompressionHint
}

function sealedSender(
  inner: Sender,
  sends: Sends<Message>,
  { gate, plainMessages, hint }: SenderTarget,
): Sender {
  const sealAndSend = async (
    batches: readonly MessagesAtCall<Message>[],
    { compression }: Pick<ProducerBatch, 'compression'>,
    handOver: (part: TopicMessages[]) => Promise<RecordMetadata[]>,
  ): Promise<RecordMetadata[]> => {
    const send = sends.begin(batches)
    const opens = gate()
    if (opens !== undefined || !send.isReady) await send.ready(opens)
    const answers: RecordMetadata[][] = []
    for (const part of send.parts()) {
      if (compression === undefined) hint.look(part)
      answers.push(await handOver(plainMessages.handOver(part)))
    }
    return answers.length === 1 ? (answers[0] as RecordMetadata[]) : answers.flat()
  }
  return {
    // `async`: KafkaJS rejects, it never throws at the caller. Copied here, because the caller may change its objects
    // while a key is awaited.
    send: async (record: ProducerRecord) => {
      const atCall = { ...record }
      return sealAndSend([messagesOfSend(atCall, plainMessages.areWanted)], atCall, ([part]) =>
        inner.send({ ...atCall, messages: part?.messages ?? [] }),
      )
    },
    sendBatch: async (batch: ProducerBatch) => {
      const { topicMessages = [], ...atCall } = batch
      return sealAndSend(messagesOfBatch(topicMessages, plainMessages.areWanted), atCall, (part) =>
        inner.sendBatch({ ...atCall, topicMessages: part }),
      )
    },
  }
}
