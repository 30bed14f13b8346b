import type { MessageToProduce, ProduceResult, SendOptions } from '@platformatic/kafka'
import type { CompressionHint } from '../shared/compression-hint.js'
import type { Sends } from '../shared/sends.js'
import { messagesOfSend, type AnySerializers, type Outgoing } from './at-call.js'
import type { ClientOptions } from './given.js'

/** A message as the inner client gets it. */
type Sealed = MessageToProduce
/** The options of a send, with any types. */
export type AnySend = SendOptions<unknown, unknown, unknown, unknown>
type Partitioner = AnySend['partitioner']

/** The parts that the senders of one producer use. */
export interface SenderTarget {
  readonly sends: Sends<Outgoing>
  readonly serializers: AnySerializers
  /** The options that the producer was created with. */
  readonly own: ClientOptions
  readonly hint: CompressionHint
  /** A promise that a send waits for first; undefined for none. */
  readonly gate: () => Promise<unknown> | undefined
}

/**
 * Seals the messages of a send and gives them to the client, in several sends if they became too large.
 * @param inner the client's own `send`
 * @throws EnvelopeError as `Sends.begin` and `Send.ready` do; the errors of the client
 */
export async function sealAndSend(
  given: AnySend,
  inner: (options: SendOptions<Buffer, Buffer, Buffer, Buffer>) => Promise<ProduceResult>,
  { sends, serializers, own, hint, gate }: SenderTarget,
): Promise<ProduceResult> {
  const { messages, partitioner = own['partitioner'] as Partitioner, ...options } = given
  const send = sends.begin(messagesOfSend(messages, serializers))
  const opens = gate()
  if (opens !== undefined || !send.isReady) await send.ready(opens)
  const results: ProduceResult[] = []
  for (const parts of send.parts()) {
    const compression = options.compression ?? own['compression'] ?? 'none'
    if (compression === 'none') hint.look(parts)
    const plain = new WeakMap<Sealed, Outgoing['given']>()
    const sealed = parts.flatMap(({ topic, messages: all }) =>
      all.map((message) => {
        const one = sendable(topic, message)
        plain.set(one, message.given)
        return one
      }),
    )
    // The client chooses partitions after sealing. A partitioner gets the message as the application gave it.
    const choice = partitioner && {
      partitioner: ((message, key, context) =>
        partitioner(plain.get(message) ?? message, key, context)) as NonNullable<
        SendOptions<Buffer, Buffer, Buffer, Buffer>['partitioner']
      >,
    }
    results.push(await inner({ ...options, ...choice, messages: sealed }))
  }
  return merged(results)
}

function sendable(topic: string, { key, value, entries, partition, timestamp }: Outgoing): Sealed {
  return {
    topic,
    ...(key === null ? {} : { key: key as Buffer }),
    ...(value === null ? {} : { value: Buffer.isBuffer(value) ? value : Buffer.from(value) }),
    headers: new Map(entries as readonly (readonly [Buffer, Buffer])[]),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp }),
  }
}

/** The result of one send, from those of its parts: the first offset of each partition. */
function merged(results: readonly ProduceResult[]): ProduceResult {
  const [first = {}] = results
  if (results.length <= 1) return first
  const offsets = new Map<string, NonNullable<ProduceResult['offsets']>[number]>()
  for (const one of results.flatMap((result) => result.offsets ?? [])) {
    const name = `${one.topic}:${String(one.partition)}`
    if (!offsets.has(name)) offsets.set(name, one)
  }
  const nodes = new Set(results.flatMap(({ unwritableNodes }) => unwritableNodes ?? []))
  return {
    ...(first.offsets === undefined ? {} : { offsets: [...offsets.values()] }),
    ...(first.unwritableNodes === undefined ? {} : { unwritableNodes: [...nodes] }),
  }
}
