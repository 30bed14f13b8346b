import type { ReadRecord } from '../../record/open-records.js'

/** A record, or as much of it as is known. Without its key, a record whose key is bound does not open. */
export interface InspectedRecord extends Omit<ReadRecord, 'topic'> {
  /** The topic that it is read from. Default: the topic that it was sealed for. */
  readonly topic?: string
  /** In ms since 1970, decimal. */
  readonly timestamp?: string
}
