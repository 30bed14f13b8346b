import type { Bytes, PlainRecord } from './record.js'

/**
 * Records of one topic. Keys and headers belong to this batch alone: so the data that is authenticated is the data that
 * is sent.
 */
export interface PlainBatch {
  readonly topic: string
  readonly records: readonly PlainRecord[]
  /** Where a record is in the arguments of the call, for errors. */
  pathOf(index: number): string
}

/** A batch of one topic that is being sealed. */
export interface OutgoingBatch {
  /** The values that are envelopes made here. */
  readonly sealed: readonly number[]
  /** The values to send. Read them only when `isDone`: until then some are plaintext. */
  readonly values: readonly (Bytes | null)[]
  /** The rule's limit for a record batch; undefined if nothing is sealed. */
  readonly maxBatchBytes: number | undefined
  readonly isDone: boolean
  /** Continues synchronously, as far as DEKs are available. */
  proceed(): void
  /** Copies the records that are not sealed yet. Call it before the application can change them. */
  hold(): void
  /** Does the rest, and waits for DEKs as long as the rule allows, counted from the first request for one. */
  complete(): Promise<void>
}
