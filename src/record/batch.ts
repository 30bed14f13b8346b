import type { Bytes, PlainRecord } from './record.js'

/** Records of one topic. Keys and headers belong to this batch alone: what is authenticated is what will be sent. */
export interface PlainBatch {
  readonly topic: string
  readonly records: readonly PlainRecord[]
  /** Where a record is in what was passed to the call, for errors. */
  pathOf(index: number): string
}

/** A batch of one topic on its way to what will be sent. */
export interface OutgoingBatch {
  /** Which of the values are envelopes made here. */
  readonly sealed: readonly number[]
  /** The values to send. Read them only when `isDone`: until then some are plaintext. */
  readonly values: readonly (Bytes | null)[]
  /** The rule's limit for a record batch; undefined where nothing is sealed. */
  readonly maxBatchBytes: number | undefined
  readonly isDone: boolean
  /** Goes on as far as cached DEKs go, synchronously. True once all is done. */
  proceed(): boolean
  /** Copies the records that are not sealed yet. Call it before the application can change them. */
  hold(): void
  /** Does the rest, waiting for DEKs as long as the rule allows from when the first is asked for. */
  complete(): Promise<void>
}
