import type { Message, Producer, ProducerBatch, ProducerRecord, RecordMetadata, Transaction } from 'kafkajs'
import { EnvelopeError } from '../../errors.js'
import type { EventHub } from '../../events.js'
import { describe } from '../../record/record.js'
import type { Sealer, Sealing } from '../../record/sealer.js'
import { Lanes } from './lanes.js'
import { splitToFit } from './split.js'

/** What sends: a producer or one of its transactions. */
type Sending = Pick<Producer, 'send' | 'sendBatch'>
type TopicMessages = Pick<ProducerRecord, 'topic' | 'messages'>

/** Marks what seals. Registered globally: two copies of the package may be loaded, and a copy of a producer keeps it. */
const SEALING: unique symbol = Symbol.for('kafka-envelope.sealing') as never

/** Whether a producer seals what it sends. */
export function isSealing(producer: object): boolean {
  return SEALING in producer
}

/** A producer that seals what it sends; all else is the inner producer's. */
export function encryptingProducer(inner: Producer, sealer: Sealer, events: EventHub): Producer {
  const wrapped: Producer & { readonly [SEALING]: true } = {
    ...inner,
    [SEALING]: true,
    ...sealedSending(inner, sealer, events),
    transaction: async (): Promise<Transaction> => {
      const transaction = await inner.transaction()
      return { ...transaction, ...sealedSending(transaction, sealer, events) }
    },
  }
  return wrapped
}

function sealedSending(inner: Sending, sealer: Sealer, events: EventHub): Sending {
  const lanes = new Lanes()
  const deliver = (
    batches: readonly TopicMessages[],
    dispatch: (part: TopicMessages[]) => Promise<RecordMetadata[]>,
  ): Promise<RecordMetadata[]> => sealAndSend(mergedByTopic(batches), sealer, lanes, events, dispatch)
  return {
    // `async`: KafkaJS rejects, it never throws at the caller.
    // What the caller changes after the call is no part of it: a key may be awaited in between.
    send: async (record: ProducerRecord) => {
      const atCall = { ...record }
      return deliver([atCall], ([part]) => inner.send({ ...atCall, messages: part?.messages ?? [] }))
    },
    sendBatch: async (batch: ProducerBatch) => {
      const atCall = { ...batch }
      return deliver(atCall.topicMessages ?? [], (topicMessages) =>
        inner.sendBatch({ ...atCall, topicMessages }),
      )
    },
  }
}

async function sealAndSend(
  batches: readonly TopicMessages[],
  sealer: Sealer,
  lanes: Lanes,
  events: EventHub,
  dispatch: (part: TopicMessages[]) => Promise<RecordMetadata[]>,
): Promise<RecordMetadata[]> {
  const sealings = batches.map(({ topic, messages }) => sealer.begin(topic, messages))
  const topics = batches.map(({ topic }) => topic)
  const before = lanes.before(topics)
  let leave: (() => void) | undefined
  try {
    if (before !== undefined || !sealings.every((sealing) => sealing.proceed())) {
      leave = lanes.enter(topics)
      const started = performance.now()
      await before
      for (const sealing of sealings) {
        while (!sealing.proceed()) await sealing.ready(started + sealing.keyWaitMs - performance.now())
      }
    }
    const parts = partsOf(batches, sealings)
    if (parts.length > 1) {
      leave ??= lanes.enter(topics)
      events.emit('send.split', { topics, parts: parts.length })
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
function partsOf(batches: readonly TopicMessages[], sealings: readonly Sealing[]): TopicMessages[][] {
  const runs = batches.map(({ topic, messages }, i) => {
    const sealing = sealings[i] as Sealing
    const sealed = messages.map((message, n) => ({ ...message, value: valueAt(sealing, n) }))
    return splitToFit(topic, messages, sealed, sealing)
  })
  const parts: TopicMessages[][] = [[]]
  for (const [i, { topic }] of batches.entries()) {
    for (const [n, messages] of (runs[i] ?? []).entries()) (parts[n] ??= []).push({ topic, messages })
  }
  return parts
}

/** A copy, headers included: callers change theirs while a key is awaited, and tracers behind us change ours. */
function copyOf(message: Message): Message {
  // What is no object is the sealer's to refuse.
  if (typeof message !== 'object' || (message as Message | null) === null) return message
  return message.headers === undefined ? { ...message } : { ...message, headers: { ...message.headers } }
}

function valueAt(sealing: Sealing, index: number): Message['value'] {
  const value = sealing.values[index]
  if (value === undefined)
    throw new EnvelopeError('INVALID_RECORD', 'the list of messages changed while it was sent')
  return value
}

/**
 * The messages by topic, as KafkaJS merges them too. Wrong input ends here: KafkaJS puts a message without a
 * value into its error text, plaintext and all.
 */
function mergedByTopic(batches: readonly TopicMessages[]): TopicMessages[] {
  if (!Array.isArray(batches))
    throw new EnvelopeError('INVALID_RECORD', `topicMessages is ${describe(batches)}`)
  const merged = new Map<string, Message[]>()
  for (const { topic, messages } of batches as readonly TopicMessages[]) {
    if (typeof topic !== 'string' || topic === '') {
      throw new EnvelopeError('INVALID_RECORD', `the topic is empty or ${describe(topic)}`)
    }
    if (!Array.isArray(messages)) {
      throw new EnvelopeError('INVALID_RECORD', `messages is ${describe(messages)}`, { position: { topic } })
    }
    const before = merged.get(topic)
    merged.set(topic, [...(before ?? []), ...messages.map(copyOf)])
  }
  return [...merged].map(([topic, messages]) => ({ topic, messages }))
}
