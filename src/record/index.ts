/** `kafka-envelope/record`: seals and opens records for any Kafka client, and for tools. */
export { openRecords, sealRecords } from './record-codec.js'
export type { ReadRecord, SealedCopy, TopicRecord } from './record-codec.js'
export type { GivenHeaders } from './headers.js'
export type { OpenedRecord } from './opening.js'
export type { EnvelopeInfo, HeaderValue, PlainRecord, RecordHeaders, SealedRecord } from './record.js'
