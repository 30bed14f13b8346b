import type { KafkaMessage } from 'kafkajs'
import type { OffsetRange } from '../../topics/ranges.js'
import type { Finding } from '../findings.js'
import type { PartitionScan } from '../partition-scan.js'
import type { PartitionReport } from '../report.js'
import { confirmed, joinRuns } from '../runs.js'
import type { GroupPosition } from './group-positions.js'

/**
 * What one member of a group has read of one partition: runs of offsets. A run is closed, written to the report, and then
 * the group's offset is committed. Until that has succeeded the run is unconfirmed: if the member ends in between, the
 * next owner of the partition may read the same again.
 */
export class PartitionRuns {
  readonly #newScan: (range: OffsetRange) => PartitionScan
  readonly #isWatched: (value: string) => boolean
  #closed: PartitionReport[]
  /** Absent while another member owns the partition. */
  #open: { range: OffsetRange; scan: PartitionScan } | undefined
  /** The group's offset, as this member committed it or found it. */
  #committed: bigint | undefined
  /** Runs of the present ownership begin here: all of them are confirmed by one commit. */
  #ownedFrom = 0

  constructor(
    before: readonly PartitionReport[],
    newScan: (range: OffsetRange) => PartitionScan,
    isWatched: (value: string) => boolean,
  ) {
    this.#closed = [...before]
    this.#newScan = newScan
    this.#isWatched = isWatched
  }

  /**
   * The partition is this member's from now on. It goes on where it was if nobody has committed an offset meanwhile.
   * @param position the range and the offset that the group has
   * @param isCommitted whether they are from a committed offset
   */
  takeUp(position: GroupPosition, isCommitted: boolean): void {
    const { topic, partition, from, to, next } = position
    const isMine =
      this.#open !== undefined && (this.#committed ?? from) === next && this.#open.range.to === to
    if (isMine) return
    this.#open = this.#begin({ topic, partition, from, to }, next)
    this.#committed = isCommitted ? next : undefined
    this.#ownedFrom = this.#closed.length
  }

  /** Another member owns the partition from now on. */
  leave(): void {
    this.#open = undefined
  }

  /** The records of the range that were not read yet. KafkaJS may deliver some again. */
  count(messages: readonly KafkaMessage[], onNew: (finding: Finding) => void): void {
    const open = this.#open
    if (open === undefined) return
    const isAhead = ({ offset }: KafkaMessage): boolean =>
      BigInt(offset) >= open.scan.next && BigInt(offset) < open.range.to
    open.scan.count(messages.filter(isAhead), onNew)
  }

  /** Nothing else is before this offset. */
  passed(next: bigint): void {
    const open = this.#open
    open?.scan.passed(next < open.range.to ? next : open.range.to)
  }

  /** The offset to go on at; undefined if nothing is left to read for this member. */
  get next(): bigint | undefined {
    return this.#open !== undefined && this.#open.scan.next < this.#open.range.to
      ? this.#open.scan.next
      : undefined
  }

  /** How far this member is ahead of the group's offset. */
  get ahead(): bigint {
    if (this.#open === undefined) return 0n
    return this.#open.scan.next - (this.#committed ?? this.#open.range.from)
  }

  /** The range, and the offset to commit, if that would tell the group anything. */
  get toCommit(): GroupPosition | undefined {
    const open = this.#open
    if (open === undefined || open.scan.next === this.#committed) return undefined
    const isBegun = open.scan.next > open.range.from || open.range.from === open.range.to
    return isBegun ? { ...open.range, next: open.scan.next } : undefined
  }

  /** Closes the run that is open, as unconfirmed. */
  close(): void {
    const open = this.#open
    if (open === undefined) return
    const run = open.scan.report()
    // An empty partition is told, too: without it the report would not be complete.
    const isEmpty = open.range.from === open.range.to && this.#closed.length === this.#ownedFrom
    if (run.from === run.next && !(isEmpty && this.#committed === undefined)) return
    this.#closed.push({ ...run, begin: String(open.range.from), isUnconfirmed: true })
    this.#open = this.#begin(open.range, open.scan.next)
  }

  /** The offset was committed under this ownership, so all runs of it are this member's. */
  confirm(next: bigint): void {
    this.#committed = next
    const owned = this.#closed.slice(this.#ownedFrom).map(confirmed)
    const before = this.#closed[this.#ownedFrom - 1]
    const isNext =
      before !== undefined && before.isUnconfirmed === undefined && before.next === owned[0]?.from
    if (isNext) {
      owned.unshift(before)
      this.#ownedFrom--
    }
    const [first, ...others] = owned
    if (first === undefined) return
    const run = others.reduce((all, each) => joinRuns(all, each, this.#isWatched), first)
    this.#closed = [...this.#closed.slice(0, this.#ownedFrom), run]
  }

  /** @param openFrom where an open transaction begins after the end of the range */
  report(openFrom?: bigint): PartitionReport[] {
    return this.#closed.map((run) =>
      openFrom !== undefined && run.next === run.to ? { ...run, openFrom: String(openFrom) } : run,
    )
  }

  #begin(range: OffsetRange, at: bigint): { range: OffsetRange; scan: PartitionScan } {
    return { range, scan: this.#newScan({ ...range, from: at }) }
  }
}
