import type { OpenedRecord } from './opening.js'
import type { ReadRecord, RecordCodec, SealedCopy, TopicRecord } from './record-codec.js'

export type { GivenHeaders } from './headers.js'
export type { OpenedRecord } from './opening.js'
export type { EnvelopeInfo, HeaderValue, PlainRecord, RecordHeaders, SealedRecord } from './record.js'
export type { ReadRecord, RecordCodec, SealedCopy, TopicRecord } from './record-codec.js'

/** What `createEncryption` makes, as far as records are concerned. */
export interface RecordsOwner {
  readonly records: RecordCodec
}

/** Seals a batch of records of any topics; see `RecordCodec.seal`. */
export function sealRecords<R extends TopicRecord>(
  owner: RecordsOwner,
  records: readonly R[],
): Promise<SealedCopy<R>[]> {
  return owner.records.seal(records)
}

/** Opens a batch of records of any topics; see `RecordCodec.open`. */
export function openRecords(owner: RecordsOwner, records: readonly ReadRecord[]): Promise<OpenedRecord[]> {
  return owner.records.open(records)
}
