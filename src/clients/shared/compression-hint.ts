import { hasEnvelopePrefix } from '../../record/record.js'
import type { EventHub } from '../../events.js'
import type { TopicPart } from './sends.js'
import type { SendableRecord } from './split-to-fit.js'

/** The part of its bytes that batch compression must save at least, for a send to be reported. */
const WORTH_IT = 1 / 4

/** Says once, in an event, that sends would be much smaller with batch compression. */
export class CompressionHint {
  readonly #events: EventHub
  #said = false

  constructor(events: EventHub) {
    this.#events = events
  }

  /** Looks at records that are sent without batch compression. */
  look(parts: readonly TopicPart<SendableRecord>[]): void {
    if (!this.#events.has('send.uncompressed')) return
    for (const { topic, messages } of parts) if (!this.#said) this.#lookAt(topic, messages)
  }

  #lookAt(topic: string, messages: readonly SendableRecord[]): void {
    const envelopes = messages.map(({ value }) => value).filter(isEnvelope)
    const [first, second] = envelopes
    if (first === undefined || second === undefined) return
    const bytes = envelopes.reduce((total, { length }) => total + length, 0)
    const repeatedBytes = (envelopes.length - 1) * commonPrefix(first, second)
    if (repeatedBytes < WORTH_IT * bytes) return
    this.#said = true
    this.#events.emit('send.uncompressed', { topic, messages: envelopes.length, bytes, repeatedBytes })
  }
}

function isEnvelope(value: SendableRecord['value']): value is Buffer {
  return Buffer.isBuffer(value) && hasEnvelopePrefix(value)
}

/** Bytes that two envelopes have in common: the head, if the same DEK sealed them. */
function commonPrefix(a: Buffer, b: Buffer): number {
  const differs = a.findIndex((byte, at) => byte !== b[at])
  return differs < 0 ? a.length : differs
}
