import type { Variant } from './variants.js'

/** Records of one row of a report, in one partition. Offsets are decimal. */
export interface Row {
  records: number
  bytes: number
  first: string
  last: string
  earliest: number
  latest: number
}

/** What a topic holds, by the one who wrote it. Plain data, apart from its class. */
export class Truth {
  readonly partitions: PartitionTruth[]
  readonly sessions = new Set<string>()
  /** Ciphertext DEKs under each CMK. */
  readonly deks = new Map<string, Set<string>>()

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => ({
      ...{ records: 0, bytes: 0, overheadBytes: 0, rows: {} },
    }))
  }

  add(partition: number, offset: number, variant: Variant, timestamp: number): void {
    const truth = this.partitions[partition]
    if (truth === undefined) throw new Error('no such partition')
    const bytes = variant.value?.length ?? 0
    truth.records++
    truth.bytes += bytes
    truth.overheadBytes += variant.overhead
    for (const name of [`kind ${variant.kind}`, ...variant.rows])
      count(truth.rows, name, bytes, offset, timestamp)
    if (variant.session !== undefined) this.sessions.add(variant.session)
    for (const [cmk, dek] of variant.deks) {
      const deks = this.deks.get(cmk) ?? new Set()
      this.deks.set(cmk, deks.add(dek))
    }
  }
}

export interface PartitionTruth {
  records: number
  bytes: number
  overheadBytes: number
  /** By `dimension value`. */
  readonly rows: Record<string, Row>
}

function count(
  rows: Record<string, Row>,
  name: string,
  bytes: number,
  offset: number,
  timestamp: number,
): void {
  const row = (rows[name] ??= {
    ...{ records: 0, bytes: 0, first: String(offset), last: '', earliest: timestamp, latest: timestamp },
  })
  row.records++
  row.bytes += bytes
  row.last = String(offset)
  row.earliest = Math.min(row.earliest, timestamp)
  row.latest = Math.max(row.latest, timestamp)
}
