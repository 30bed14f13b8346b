import type { EnvelopeInfo, ReplacedValue } from '../../record/record.js'
import type { DeliveredValue } from './part.js'

/** Registered globally: two copies of the package may be loaded, and a copy of a message keeps it. */
export const ENVELOPE: unique symbol = Symbol.for('kafka-envelope.envelope') as never

/** Tell them apart by `replaced`. */
export type MessageEnvelope = EnvelopeInfo | ReplacedValue

/**
 * The message for the application. It is a copy, because messages have more members at run time than their type has.
 */
export function messageOf<M extends { value: Buffer | null }>(
  record: M,
  { value, envelope }: DeliveredValue,
): M {
  if (envelope === undefined) return { ...record, value }
  // The symbol comes first: V8 takes ten times as long to add it to a copy.
  const message = { [ENVELOPE]: envelope, ...record }
  message.value = value
  message[ENVELOPE] = envelope
  return message
}

/**
 * Returns what was authenticated with a message that a wrapped consumer delivered: CMK, session, the topic that it was
 * sealed for, bound headers, context. Returns undefined for messages that were not sealed: tombstones, passthrough topics,
 * plaintext that a rule still allows, messages of other consumers. If a handler replaced the value of a record that
 * did not open, only `replaced` is set, and nothing was authenticated.
 */
export function envelopeOf(message: object): MessageEnvelope | undefined {
  return (message as { readonly [ENVELOPE]?: MessageEnvelope })[ENVELOPE]
}
