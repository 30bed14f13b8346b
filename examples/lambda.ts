// An AWS Lambda function with an Amazon MSK trigger: Lambda polls Kafka, and `openRecords` opens the records.
import type { MSKEvent, MSKRecord } from 'aws-lambda'
import { createEncryption } from 'kafka-envelope'
import { localKms } from 'kafka-envelope/kms/local'
import { openRecords } from 'kafka-envelope/record'

// Outside the handler, so that warm starts share the cache of opened DEKs.
const encryption = await createEncryption({
  kms: { dev: localKms({ keyring: process.env.KEYRING ?? './dev.keyring' }) },
  cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
  topics: [{ match: ['lambda.orders'], decrypt: { cmk: 'orders' } }],
})
await encryption.verify() // a cold start fails at once if a KMS or a permission is missing

/** Where Lambda goes on in a partition, which it names as in the event: `lambda.orders-0`. */
interface Failure {
  itemIdentifier: { partition: string; offset: number }
}

export async function handler(event: MSKEvent): Promise<{ batchItemFailures: Failure[] }> {
  const batchItemFailures: Failure[] = []
  let first: unknown
  for (const [partition, records] of Object.entries(event.records)) {
    const opened = await openRecords(encryption, records.map(readRecord))
    for (const [i, record] of records.entries()) {
      try {
        const outcome = opened[i]
        if (outcome === undefined || outcome.error) throw outcome?.error
        console.log(outcome.value === null ? 'tombstone' : String(outcome.value))
      } catch (error) {
        // This partition goes on here, whatever failed: the KMS, the record or your code. Nothing is skipped.
        first ??= error
        batchItemFailures.push({ itemIdentifier: { partition, offset: record.offset } })
        break
      }
    }
  }
  // Without ReportBatchItemFailures in the event source mapping, Lambda would take the answer as success.
  if (first !== undefined && process.env.REPORTS_FAILURES !== 'true') throw first
  return { batchItemFailures }
}

/** Lambda passes keys and values as base64. A null one is absent, whatever its type says. */
function readRecord({ key, value, ...record }: MSKRecord) {
  return { ...record, key: bytes(key), value: bytes(value) }
}

function bytes(base64: string | null | undefined): Buffer | null {
  return base64 === undefined || base64 === null ? null : Buffer.from(base64, 'base64')
}
