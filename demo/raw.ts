import type { KafkaMessage } from 'kafkajs'
import { envelopeType, headerType } from '../src/avro/index.js'
import { within, type Stage } from './stage.js'

/** A message as the broker holds it. */
export type RawMessage = KafkaMessage & { readonly topic: string }

const READ_MS = 30_000

/** Reads topics with a plain client until `count` messages have arrived, including aborted ones. */
export async function readRaw(
  { kafka, atEnd }: Stage,
  groupId: string,
  topics: readonly string[],
  count: number,
  onRead: (done: number) => void = () => undefined,
): Promise<RawMessage[]> {
  const consumer = kafka.consumer({
    groupId,
    readUncommitted: true,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
  })
  atEnd(() => consumer.disconnect())
  const seen: RawMessage[] = []
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    const all = new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatch: ({ batch }) => {
            seen.push(...batch.messages.map((message) => ({ ...message, topic: batch.topic })))
            onRead(seen.length)
            if (seen.length >= count) resolve()
            return Promise.resolve()
          },
        })
        .catch(reject)
    })
    await within(READ_MS, `reading ${String(count)} raw records`, all)
  } finally {
    await consumer.disconnect()
  }
  return seen
}

/** An envelope as a stock Avro library decodes it. */
export interface Decoded {
  readonly wrappedDeks: readonly {
    readonly provider: string
    readonly cmkId: string
    readonly ciphertextDek: Buffer
  }[]
  readonly header: {
    readonly topic: string
    readonly sessionId: Buffer
    readonly [field: string]: unknown
  }
  readonly iv: Buffer
  readonly tag: Buffer
  readonly body: Buffer
}

/** The bytes before the Avro binary: a marker of two bytes and the fingerprint of the schema. */
const PREFIX = Buffer.from('c3010fea18fa6fe363e8', 'hex')

/** @throws Error if the value is not an envelope */
export function decode(value: Buffer): Decoded {
  if (!value.subarray(0, PREFIX.length).equals(PREFIX)) throw new Error('not an envelope')
  const envelope = envelopeType.fromBuffer(value.subarray(PREFIX.length)) as Omit<Decoded, 'header'> & {
    header: Buffer
  }
  return { ...envelope, header: headerType.fromBuffer(envelope.header) as Decoded['header'] }
}

/** Describes one record for people. */
export function show({ topic, offset, key, value }: RawMessage): string {
  const { wrappedDeks, header, iv, tag, body } = decode(value ?? Buffer.alloc(0))
  const hex = (bytes: Buffer): string =>
    bytes.length <= 32
      ? bytes.toString('hex')
      : `${bytes.subarray(0, 32).toString('hex')}… (${String(bytes.length)} bytes)`
  const text = (field: unknown): string => (Buffer.isBuffer(field) ? hex(field) : JSON.stringify(field))
  const rows: (readonly [string, string])[] = [
    ...wrappedDeks.map(
      ({ provider, cmkId, ciphertextDek }) =>
        ['wrapped DEK', `${provider} ${cmkId} ${hex(ciphertextDek)}`] as const,
    ),
    ...Object.entries(header).map(([name, field]) => [name, text(field)] as const),
    ['iv', hex(iv)],
    ['tag', hex(tag)],
    ['body', hex(body)],
  ]
  return [
    `  ${topic}, offset ${offset}, key ${String(key)}:`,
    ...rows.map(([name, shown]) => `    ${name.padEnd(13)} ${shown}`),
  ].join('\n')
}
