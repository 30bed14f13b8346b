import type { Batch, KafkaMessage } from 'kafkajs'

/** A record as KafkaJS decodes it, with members that its type does not have. Formats before 0.11 have no batch context. */
export type RawMessage = KafkaMessage & {
  readonly isControlRecord?: boolean
  readonly batchContext?: { readonly producerId: string; readonly inTransaction: boolean }
}

/** A batch of KafkaJS with members that its type does not have. */
export interface RawBatch extends Batch {
  /** The offset that the fetch asked for. */
  readonly fetchedOffset: string
  /** With the markers of transactions. */
  readonly rawMessages: readonly RawMessage[]
}
