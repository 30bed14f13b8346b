import type { Encryption } from '../../encryption.js'
import { internalsOf } from '../../record/internals.js'
import { messagesOfBatch, messagesOfSend, type MessagesAtCall } from '../shared/at-call.js'
import { delegate } from '../shared/delegate.js'
import { checkGiven } from '../shared/given.js'
import { REQUEST_MS, SEALING } from '../shared/sealing-producers.js'
import { InFlight, Sends } from '../shared/sends.js'
import { refuseTooLarge } from '../shared/split-to-fit.js'
import { keepingEmpty } from './empty.js'
import type { ConfluentProducer, Message, RecordMetadata, TopicMessages } from './client.js'

const EXPECTED = {
  what: "a producer of Confluent's client",
  methods: ['send', 'sendBatch', 'flush'],
} as const

/**
 * Wraps a producer so that it seals what it sends. The original is not changed, nor are the messages; everything else is
 * passed to it. `disconnect` first waits for earlier sends: at most the longest `dekTimeout` of the rules, and 30 seconds
 * more for the broker. `flush` and `abort` wait until earlier sends are sealed, `commit` until they have ended. If a send
 * of the transaction got no key, `commit` rejects with its error, as the client does after a failed delivery.
 *
 * @throws EnvelopeError CONFIG_INVALID if an argument is not of its type
 */
export function encryptProducer<P extends ConfluentProducer>(producer: P, encryption: Encryption): P {
  checkGiven(producer, EXPECTED, 'encryptProducer(producer, …)')
  const inner: ConfluentProducer = producer
  const internals = internalsOf(encryption, 'encryptProducer')
  const inFlight = new InFlight()
  const notHandedOver = new InFlight()
  // The client forms record batches itself, so that only the size of single records counts.
  const sends = new Sends<Message>(internals, [inFlight], refuseTooLarge)
  let disconnecting: Promise<void> | undefined
  /** Why a send of the transaction got no key. The application may not have awaited that send. */
  let missed: { readonly error: unknown } | undefined
  const noteMissed = (error: unknown): never => {
    missed ??= { error }
    throw error
  }
  // A send during `disconnect`: the client itself says that it does not accept messages now.
  const gate = (): Promise<unknown> | undefined =>
    disconnecting?.catch(() => undefined).then(() => inner.sendBatch({ topicMessages: [] }))
  const sealAndSend = async (
    batches: readonly MessagesAtCall<Message>[],
    handOver: (part: TopicMessages[]) => Promise<RecordMetadata[]>,
  ): Promise<RecordMetadata[]> => {
    const handedOver = notHandedOver.begin()
    try {
      const send = sends.begin(batches)
      const opens = gate()
      if (opens !== undefined || !send.isReady) await send.ready(opens).catch(noteMissed)
      const answers: RecordMetadata[][] = []
      for (const part of send.parts()) {
        const sending = handOver(
          part.map(({ topic, messages }) => ({ topic, messages: messages.map(keepingEmpty) })),
        )
        handedOver()
        answers.push(await sending)
      }
      return answers.flat()
    } finally {
      handedOver()
    }
  }
  const disconnect = async (): Promise<void> => {
    await inFlight.endedWithin(internals.sealer.longestDekTimeoutMs + REQUEST_MS, internals.clock)
    await inner.disconnect()
  }
  const own: Partial<ConfluentProducer> & { readonly [SEALING]: true } = {
    [SEALING]: true,
    // `async`: the client rejects, it never throws at the caller. Messages are copied here, because the caller may change
    // its objects while a key is awaited, and because the client changes what it is given.
    send: async (record) => {
      const atCall = { ...record }
      return sealAndSend([messagesOfSend(atCall, false)], ([part]) =>
        inner.send({ ...atCall, messages: part?.messages ?? [] }),
      )
    },
    sendBatch: async (batch) => {
      const { topicMessages = [], ...atCall } = batch
      return sealAndSend(messagesOfBatch(topicMessages, false), (part) =>
        inner.sendBatch({ ...atCall, topicMessages: part }),
      )
    },
    flush: async (args) => {
      await notHandedOver.ended()
      await inner.flush(args)
    },
    disconnect: () => {
      disconnecting ??= disconnect().finally(() => (disconnecting = undefined))
      return disconnecting
    },
    transaction: async () => {
      await inner.transaction()
      missed = undefined
      return outer
    },
    commit: async () => {
      await Promise.all([inFlight.ended(), notHandedOver.ended()])
      if (missed !== undefined) throw missed.error
      await inner.commit()
    },
    abort: async () => {
      // A send that still waits for a key would become part of the next transaction.
      await notHandedOver.ended()
      await inner.abort()
    },
  }
  const outer = delegate<ConfluentProducer>(producer, own) as P
  return outer
}
