import type { Distinct } from './distinct.js'
import type { Tally } from './tally.js'

/**
 * What topics hold. Plain data for JSON, so that it can be kept in a file, merged and resumed; `Distinct` counts turn into
 * lists of numbers.
 */
export interface ScanReport {
  readonly version: 1
  /** RFC 3339. */
  readonly startedAt: string
  /** The id of the cluster, if the broker told it. */
  readonly clusterId?: string | undefined
  /**
   * Whether everything was read that the topics had when the scan began. It was not if the broker gave nothing for the
   * last offsets of a partition: compaction may have removed their records, but that cannot be known.
   */
  readonly isComplete: boolean
  /** Ids of CMKs that have a place of their own in the tallies, however many CMKs there are. */
  readonly watched: readonly string[]
  /** Of a scan that a consumer group shares: this is the part of one member. */
  readonly group?: SharedBy | undefined
  readonly topics: readonly TopicReport[]
}

export interface SharedBy {
  readonly id: string
  /** Whether all members together have read everything. */
  readonly isDone: boolean
}

export interface TopicReport {
  readonly topic: string
  /** Of a shared scan: how many partitions the topic has. Absent: all of them are here. */
  readonly partitionCount?: number | undefined
  /** Of a shared scan: transactions that were open when it ended, of all partitions, whoever has read them. */
  readonly open?: readonly OpenTransaction[] | undefined
  /** Of sealing sessions. Nothing that a scan counts is authenticated. */
  readonly sessions: Distinct
  /** Of the ciphertext DEKs under each CMK, `<provider> <id>`. */
  readonly deks: Readonly<Record<string, Distinct>>
  /** Of a shared scan, a partition can have several: runs of offsets that the member has read. */
  readonly partitions: readonly PartitionReport[]
}

export interface OpenTransaction {
  readonly partition: number
  /** Its first offset, decimal. */
  readonly from: string
}

/** Offsets are decimal text. */
export interface PartitionReport {
  readonly partition: number
  /** The offset that the scan began at. */
  readonly from: string
  /** The offset after the last record that was read. */
  readonly next: string
  /** The end that the partition had when the scan began; nothing from there on was read. */
  readonly to: string
  readonly records: number
  /** Of values, as stored. */
  readonly bytes: number
  /** Of these, what sealing added. */
  readonly overheadBytes: number
  readonly tally: Tally
  /** The last record that was read, so that a later scan notices that the topic was made again. */
  readonly lastRecord?: LastRecord | undefined
  /** Of a shared scan: the offset that the group began at. */
  readonly begin?: string | undefined
  /**
   * Of a shared scan: whether the group's offsets were committed is not known, because the member ended too early.
   * Perhaps another one has read the same again.
   */
  readonly isUnconfirmed?: true | undefined
  /**
   * Absent, or where a transaction was open when the scan ended: its records, and all after this offset, are still to
   * come for readers of committed records.
   */
  readonly openFrom?: string | undefined
}

/** Kafka's own id of a topic is not in the answers that KafkaJS understands. */
export interface LastRecord {
  readonly offset: string
  /** In ms since 1970, decimal. */
  readonly timestamp: string
  /** Of key and value. Nothing that could confirm a guess of them. */
  readonly bytes: number
}
