// An AWS Lambda function with an Amazon MSK trigger: Lambda polls Kafka, and `openRecords` opens the records.
import type { MSKEvent } from 'aws-lambda'
import { createEncryption } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
import { openRecords } from 'kafka-envelope/record'

// Outside the handler, so that warm starts share the cache of opened DEKs.
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: process.env.KEYRING ?? './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['lambda.orders'], decrypt: { cmk: 'orders' } }],
})

export async function handler(event: MSKEvent): Promise<void> {
  const records = Object.values(event.records).flat()
  const opened = await openRecords(
    encryption,
    records.map(({ topic, partition, offset, key, value, headers }) => ({
      topic,
      partition,
      offset,
      // Lambda passes keys and values as base64.
      key: bytes(key),
      value: bytes(value),
      headers,
    })),
  )
  for (const { error, value } of opened) {
    // Throwing makes Lambda deliver the batch again. Nothing is skipped.
    if (error) throw error
    console.log(String(value))
  }
}

/** A null key or value is absent from the event, whatever its type says. */
function bytes(base64: string | null | undefined): Buffer | null {
  return base64 === undefined || base64 === null ? null : Buffer.from(base64, 'base64')
}
