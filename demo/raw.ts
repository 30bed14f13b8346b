import { readFileSync } from 'node:fs'
import avsc from 'avsc'
import type { Kafka, KafkaMessage } from 'kafkajs'
import { SECRETS } from './orders.js'

/** A message as the broker holds it. */
export type RawMessage = KafkaMessage & { readonly topic: string }

/** Reads topics with a plain client until `count` messages came, aborted ones included. */
export async function readRaw(kafka: Kafka, topics: readonly string[], count: number): Promise<RawMessage[]> {
  const consumer = kafka.consumer({
    groupId: `demo.raw.${String(Date.now())}`,
    readUncommitted: true,
    maxWaitTimeInMs: 100,
  })
  const seen: RawMessage[] = []
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachBatch: ({ batch }) => {
          seen.push(...batch.messages.map((message) => ({ ...message, topic: batch.topic })))
          if (seen.length >= count) resolve()
          return Promise.resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return seen
}

/** The forms in which text could stand in bytes. */
function forms(text: string): Buffer[] {
  const utf8 = Buffer.from(text)
  // Base64 depends on where the text starts; the first and last characters on what stands beside it.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), utf8])
      .toString('base64')
      .slice(4, -4),
  )
  return [
    utf8,
    Buffer.from(text, 'utf16le'),
    ...base64.filter((form) => form.length >= 8).map((form) => Buffer.from(form)),
  ]
}

/** Looks for known plaintext in every value that the broker holds. */
export function searchPlaintext(values: readonly Buffer[]): {
  bytes: number
  found: number
  patterns: number
} {
  const patterns = SECRETS.flatMap(forms)
  let found = 0
  let bytes = 0
  for (const value of values) {
    bytes += value.length
    for (const pattern of patterns) if (value.includes(pattern)) found++
  }
  return { bytes, found, patterns: patterns.length }
}

const schema = (name: string): avsc.Type =>
  avsc.Type.forSchema(
    JSON.parse(readFileSync(new URL(`../schemas/${name}.avsc`, import.meta.url), 'utf8')) as avsc.Schema,
  )

/** Shows one record as a stock Avro library decodes it. */
export function show({ topic, key, value }: RawMessage): string {
  if (value === null) return 'a tombstone'
  const envelope = schema('envelope.v1').fromBuffer(value.subarray(10)) as {
    wrappedDeks: { provider: string; cmkId: string; ciphertextDek: Buffer }[]
    header: Buffer
    body: Buffer
  }
  const header = schema('header.v1').fromBuffer(envelope.header) as Record<string, unknown>
  const text = (field: unknown): string =>
    Buffer.isBuffer(field) ? field.toString('hex') : JSON.stringify(field)
  return [
    `  topic ${topic}, key ${String(key)}, ${String(value.length)} bytes`,
    ...envelope.wrappedDeks.map(
      ({ provider, cmkId, ciphertextDek }) =>
        `  wrapped DEK   ${provider} ${cmkId}: ${ciphertextDek.toString('hex').slice(0, 48)}… (${String(ciphertextDek.length)} bytes)`,
    ),
    ...Object.entries(header).map(([name, field]) => `  ${name.padEnd(13)} ${text(field).slice(0, 64)}`),
    `  body          ${envelope.body.toString('hex').slice(0, 64)}… (${String(envelope.body.length)} bytes)`,
  ].join('\n')
}
