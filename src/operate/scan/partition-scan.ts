import type { KafkaMessage } from 'kafkajs'
import type { OffsetRange } from '../topics/ranges.js'
import type { Finding, Findings } from './findings.js'
import type { LastRecord, PartitionReport } from './report.js'
import { add, addAll, cmkIdOf, count, emptyTally, noneYet, type Occurrences } from './tally.js'

/** Tallies are brought up to date after so many findings, which bounds the memory. */
const MAX_PENDING = 2000

/** Counts the records of one partition. */
export class PartitionScan {
  #range: OffsetRange
  readonly #findings: Findings
  readonly #isWatched: (value: string) => boolean
  readonly #tally = emptyTally()
  /** Not yet in the tally: most records have the finding of the one before. */
  readonly #pending = new Map<Finding, Occurrences>()
  readonly #from: string
  /** The last record that was counted, here or by the earlier scan. */
  #lastRecord: LastRecord | undefined
  /** The last one of the earlier scan, while it is to be compared. */
  #toCompare: LastRecord | undefined
  #next: bigint
  #openFrom: string | undefined
  #records: number
  #bytes: number
  #overheadBytes: number

  constructor(
    range: OffsetRange,
    findings: Findings,
    isWatched: (value: string) => boolean,
    before?: PartitionReport,
  ) {
    this.#range = range
    this.#findings = findings
    this.#isWatched = isWatched
    this.#from = before?.from ?? String(range.from)
    this.#next = range.from
    this.#lastRecord = this.#toCompare = before?.lastRecord
    this.#records = before?.records ?? 0
    this.#bytes = before?.bytes ?? 0
    this.#overheadBytes = before?.overheadBytes ?? 0
    if (before !== undefined) addAll(this.#tally, before.tally, isWatched)
  }

  /**
   * What is to be read: the range, and the last record of the earlier scan, if it still exists.
   * @param low the first offset that the partition has
   */
  readingRange(low: bigint): OffsetRange {
    const last = this.#toCompare
    return last === undefined || BigInt(last.offset) < low
      ? this.#range
      : { ...this.#range, from: BigInt(last.offset) }
  }

  /**
   * @param onNew called for each finding that was not seen lately
   * @throws Error if the last record of the earlier scan is now another one
   */
  count(messages: readonly KafkaMessage[], onNew: (finding: Finding) => void): void {
    for (const message of this.#withoutLastOne(messages)) {
      const { value, offset, timestamp } = message
      const [finding, overhead] = this.#findings.of(value)
      let occurrences = this.#pending.get(finding)
      if (occurrences === undefined) {
        if (this.#pending.size === MAX_PENDING) this.#settle()
        this.#pending.set(finding, (occurrences = noneYet(offset)))
        onNew(finding)
      }
      const bytes = value?.length ?? 0
      count(occurrences, bytes, offset, Number(timestamp))
      this.#records++
      this.#bytes += bytes
      this.#overheadBytes += overhead
    }
    const last = messages.at(-1)
    if (last === undefined) return
    this.#lastRecord = lastRecordOf(last)
    this.#next = BigInt(last.offset) + 1n
  }

  /** Without the last record that the earlier scan counted. Compaction may have removed it. */
  #withoutLastOne(messages: readonly KafkaMessage[]): readonly KafkaMessage[] {
    const [first, known] = [messages[0], this.#toCompare]
    if (first === undefined || known === undefined) return messages
    this.#toCompare = undefined
    if (first.offset !== known.offset) return messages
    const now = lastRecordOf(first)
    if (now.timestamp !== known.timestamp || now.bytes !== known.bytes) {
      const { topic, partition } = this.#range
      throw new Error(
        `topic ${topic}: partition ${String(partition)} has another record at offset ${known.offset} than the earlier scan read there: the topic was made again; begin a new report`,
      )
    }
    return messages.slice(1)
  }

  /** There is no other record before this offset. */
  passed(next: bigint): void {
    if (next > this.#next) this.#next = next
  }

  /** The scan is up to this offset. Returns what that adds, if it adds something. */
  extend(end: bigint): OffsetRange | undefined {
    const { to } = this.#range
    if (end <= to) return undefined
    this.#range = { ...this.#range, to: end }
    return { ...this.#range, from: to }
  }

  get end(): bigint {
    return this.#range.to
  }

  /** @param openFrom the first offset of an open transaction, if there is one */
  endsWith(openFrom: bigint | undefined): void {
    this.#openFrom = openFrom === undefined ? undefined : String(openFrom)
  }

  /** How many offsets there are to read. */
  get total(): bigint {
    return this.#range.to - this.#range.from
  }

  /** How many of them are done. */
  get done(): bigint {
    return this.#next - this.#range.from
  }

  /** The offset to go on at. */
  get next(): bigint {
    return this.#next
  }

  report(): PartitionReport {
    this.#settle()
    return {
      partition: this.#range.partition,
      from: this.#from,
      next: String(this.#next),
      to: String(this.#range.to),
      records: this.#records,
      bytes: this.#bytes,
      overheadBytes: this.#overheadBytes,
      tally: this.#tally,
      ...(this.#lastRecord && { lastRecord: this.#lastRecord }),
      ...(this.#openFrom !== undefined && { openFrom: this.#openFrom }),
    }
  }

  #settle(): void {
    for (const [{ kind, format, sealing }, found] of this.#pending) {
      const note = (dimension: Parameters<typeof add>[1], value: string): void => {
        add(this.#tally, dimension, value, found, this.#isWatched)
      }
      note('kind', kind)
      if (format !== undefined) note('format', format)
      if (sealing === undefined) continue
      note('suite', sealing.suite)
      note('compression', sealing.compression)
      note('context', sealing.context)
      note('sealedFor', sealing.sealedFor)
      // An envelope may name a CMK more than once, also with another provider.
      const cmks = new Set(sealing.cmks)
      const isAlone = new Set(sealing.cmks.map(cmkIdOf)).size === 1
      for (const cmk of cmks) {
        note('cmk', cmk)
        if (isAlone) note('onlyCmk', cmk)
      }
    }
    this.#pending.clear()
  }
}

function lastRecordOf({ offset, timestamp, key, value }: KafkaMessage): LastRecord {
  return { offset, timestamp, bytes: (key?.length ?? 0) + (value?.length ?? 0) }
}
