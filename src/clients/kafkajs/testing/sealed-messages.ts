import type { IHeaders, KafkaMessage, Message } from 'kafkajs'
import type { Encryption } from '../../../encryption.js'
import { sealRecords } from '../../../record/index.js'

export interface SealedMessagesOptions {
  /** The offset of the first one; the others follow. Default 0. */
  readonly firstOffset?: number
}

/**
 * Messages as a consumer would receive them after a wrapped producer sent them: sealed, with keys and headers as
 * buffers, and with offsets.
 *
 * @throws EnvelopeError as a wrapped producer's `send` does
 */
export async function sealedMessages(
  encryption: Encryption,
  topic: string,
  messages: readonly Message[],
  { firstOffset = 0 }: SealedMessagesOptions = {},
): Promise<KafkaMessage[]> {
  const records = messages.map((message) => ({ ...message, topic }))
  const sealed = await sealRecords(encryption, records)
  return sealed.map(({ key, value, headers, timestamp }, i) => ({
    key: key === undefined || key === null ? null : Buffer.from(key),
    value,
    timestamp: timestamp ?? String(Date.now()),
    attributes: 0,
    offset: String(firstOffset + i),
    headers: asRead(headers),
  }))
}

function asRead(headers: IHeaders = {}): IHeaders {
  const read = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.map(bytes) : bytes(value)] as const],
  )
  return Object.fromEntries(read)
}

function bytes(value: string | Buffer): Buffer {
  return Buffer.from(value)
}
