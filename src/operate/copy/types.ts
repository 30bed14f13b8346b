import type { Kafka, KafkaMessage } from 'kafkajs'

/** Records of one partition, in order, each of them committed. */
export interface SourceBatch {
  readonly topic: string
  readonly partition: number
  readonly messages: readonly KafkaMessage[]
  /** Aborts when the run ends, or when the partition goes to another process. Then nobody waits for the transform. */
  readonly signal: AbortSignal
}

/**
 * Turns records into the values that are written in their place: exactly one for each, in the same order. Key, headers,
 * timestamp and partition stay. It may be called again for records that it had before, after a failure or a rebalance.
 * A rejection stops the run. Its error says which record it is about.
 */
export type Transform = (batch: SourceBatch) => Promise<readonly (Buffer | null)[]>

export interface CopyOptions {
  readonly kafka: Kafka
  /** The topic to read. */
  readonly from: string
  /** The topic to write. It has as many partitions, and holds nothing but what this group writes. */
  readonly to: string
  /**
   * The consumer group whose committed offsets say how far the copy is. Processes with the same group share the
   * partitions.
   */
  readonly group: string
  readonly transform: Transform
  /** Called with a batch that the transform got, once its records are written. */
  readonly onWritten?: (batch: SourceBatch) => void
  /** How many records one transaction has at most. Default: 5,000, and 4 MiB of values. */
  readonly maxRecords?: number
  /** Called about twice a second. */
  readonly onProgress?: (progress: CopyProgress) => void
  readonly signal?: AbortSignal
}

/** Offsets of all partitions, of all processes of the group: how many are done, and how many there are in all. */
export interface CopyProgress {
  readonly done: number
  readonly total: number
}

/** What this process has done. Others of the same group may have done more. */
export interface CopyReport {
  readonly from: string
  readonly to: string
  readonly group: string
  readonly partitions: readonly CopiedPartition[]
}

export interface CopiedPartition {
  readonly partition: number
  /** Records that this process has copied. */
  readonly records: number
  /** Bytes of the values that were read, and of those that were written. */
  readonly bytesRead: number
  readonly bytesWritten: number
  /** The offset in the source topic that the next run begins with, as decimal text. */
  readonly next: string
  /**
   * The end of the partition in the source topic when this run began, as decimal text. If `next` is below it, the broker
   * gave nothing for the offsets between them; compaction may have removed their records.
   */
  readonly end: string
  /**
   * The offset in the source topic, as decimal text, of the first record of a transaction that was open when this run
   * began and when it ended. What is committed from there on is left to a later run.
   */
  readonly openFrom?: string
}
