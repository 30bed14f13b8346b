import type { KafkaMessage } from 'kafkajs'
import type { OffsetRange } from '../topics/ranges.js'
import type { Finding, Findings } from './findings.js'
import type { PartitionReport } from './report.js'
import { add, addAll, cmkIdOf, count, emptyTally, noneYet, type Occurrences } from './tally.js'

/** Tallies are brought up to date after so many findings, which bounds the memory. */
const MAX_PENDING = 2000

/** Counts the records of one partition. */
export class PartitionScan {
  readonly #range: OffsetRange
  readonly #findings: Findings
  readonly #isWatched: (value: string) => boolean
  readonly #tally = emptyTally()
  /** Not yet in the tally: most records have the finding of the one before. */
  readonly #pending = new Map<Finding, Occurrences>()
  readonly #from: string
  /** The last record that was counted. */
  #last: string | undefined
  #isFinished = false
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
    this.#records = before?.records ?? 0
    this.#bytes = before?.bytes ?? 0
    this.#overheadBytes = before?.overheadBytes ?? 0
    if (before !== undefined) addAll(this.#tally, before.tally, isWatched)
  }

  /** @param onNew called for each finding that was not seen lately */
  count(messages: readonly KafkaMessage[], onNew: (finding: Finding) => void): void {
    for (const { value, offset, timestamp } of messages) {
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
      this.#last = offset
    }
  }

  /** Everything was read; the offsets that are left hold no record. */
  finish(): void {
    this.#isFinished = true
  }

  /** How many offsets are done. */
  get done(): bigint {
    return this.#next - this.#range.from
  }

  get #next(): bigint {
    if (this.#isFinished) return this.#range.to
    return this.#last === undefined ? this.#range.from : BigInt(this.#last) + 1n
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
