import type { Kafka } from 'kafkajs'
import type { Start } from '../topics/ranges.js'
import type { ScanReport } from './report.js'

export interface ScanOptions {
  readonly kafka: Kafka
  readonly topics: readonly string[]
  /** Default: the oldest record of each partition. Without meaning for partitions that `resume` has. */
  readonly start?: Start
  /** Ids of CMKs that are counted however many CMKs occur: give those that you will ask about. */
  readonly watch?: readonly string[]
  /** An earlier report of the same topics: the scan goes on where that one ended, and adds to it. */
  readonly resume?: ScanReport
  /**
   * Shares the scan with other processes: the partitions are spread over all that scan with this consumer group. The
   * report is the part of this process; `mergeReports` puts all parts together. Give `onCheckpoint`, which has to keep
   * what it is given: the group reads nothing again that was given to it.
   */
  readonly group?: string
  /** Called about every ten seconds, and at an interruption, with all that was counted so far. */
  readonly onCheckpoint?: (report: ScanReport) => Promise<void>
  /** Offsets done, and in all. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** Of a scan that the members of a consumer group share. */
export interface SharedScanOptions extends ScanOptions {
  readonly group: string
}
