import type { CorruptedMessageHandler, Deserializers, Message, MessageToConsume } from '@platformatic/kafka'
import { EnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import { ENVELOPE } from '../shared/messages.js'
import type { DeliveredValue } from '../shared/part.js'
import type { ReadRecord } from './read-record.js'

export type AnyDeserializers = Partial<Deserializers<unknown, unknown, unknown, unknown>>
/** A message for the application, with any types. */
export type AnyMessage = Message<unknown, unknown, unknown, unknown>

/** What makes messages of opened records. */
export interface Deserializing {
  readonly deserializers: AnyDeserializers
  readonly onCorruptedMessage: CorruptedMessageHandler | undefined
}

/**
 * The message for the application: that of the inner stream, with what the deserializers make of key, plaintext and
 * headers. Undefined if a deserializer fails and the application's `onCorruptedMessage` returns `false`, which skips the
 * message.
 *
 * @param commit commits the record
 * @throws EnvelopeError DESERIALIZER_FAILED. It only names the error of a deserializer, which may quote the plaintext
 */
export function openedMessage(
  { message }: ReadRecord,
  { value, envelope }: DeliveredValue,
  commit: Message['commit'],
  { deserializers, onCorruptedMessage }: Deserializing,
): AnyMessage | undefined {
  const given = message as Message & { readonly headerEntries?: unknown }
  const raw = rawRecord(message, value)
  const { headerKey = same, headerValue = same, key = same, value: valueOf = same } = deserializers
  let step: keyof AnyDeserializers = 'headerKey'
  try {
    const headerEntries: [unknown, unknown][] = []
    for (const [name, one] of message.headers) {
      step = 'headerKey'
      const ownName = headerKey(name, raw)
      step = 'headerValue'
      headerEntries.push([ownName, headerValue(one, raw)])
    }
    const headers = new Map(headerEntries)
    step = 'key'
    const ownKey = key(message.key, headers, raw)
    step = 'value'
    const ownValue = valueOf(value ?? undefined, headers, raw)
    return {
      // The symbol comes first: V8 takes ten times as long to add it to a copy.
      ...(envelope === undefined ? {} : { [ENVELOPE]: envelope }),
      ...given,
      ...(given.headerEntries === undefined ? {} : { headerEntries }),
      ...{ key: ownKey, value: ownValue, headers, commit },
    }
  } catch (error) {
    const { topic, partition, timestamp, offset } = message
    const stops = onCorruptedMessage?.(raw, topic, partition, timestamp, offset, commit) ?? true
    if (!stops) return undefined
    throw new EnvelopeError(
      'DESERIALIZER_FAILED',
      `the deserializer \`${step}\` threw ${nameOfThrown(error)}`,
      {
        position: { topic, partition, offset: offset.toString() },
      },
    )
  }
}

function same(data: unknown): unknown {
  return data
}

/** The record as deserializers see it: as on the wire, but with the plaintext. */
function rawRecord(message: Message, value: Buffer | null): MessageToConsume {
  const { headers, topic, partition } = message
  // The type of the client says that it is always there.
  const { key } = message as { readonly key?: Buffer }
  return {
    length: value?.length ?? 0,
    attributes: 0,
    timestampDelta: 0n,
    offsetDelta: 0,
    key: key ?? null,
    value,
    headers: [...headers],
    topic,
    partition,
  }
}
