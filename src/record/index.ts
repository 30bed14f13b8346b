/** `kafka-envelope/record`: seals and opens records for any Kafka client, and for tools. */
export { sealRecords, type SealedCopy, type TopicRecord } from './seal-records.js'
export { openRecords, type ReadRecord } from './open-records.js'
export type { GivenHeaders } from './headers.js'
export type {
  EnvelopeInfo,
  HeaderValue,
  OpenedRecord,
  OpenedValue,
  PlainRecord,
  RecordHeaders,
  SealedRecord,
} from './record.js'
