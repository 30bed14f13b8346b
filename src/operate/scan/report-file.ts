import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { writeWhole } from '../../whole-file.js'
import { Distinct } from './distinct.js'
import type { ScanReport } from './report.js'
import { DIMENSIONS, MAX_TIMESTAMP, type Dimension } from './tally.js'

const offset = v.pipe(v.string(), v.regex(/^\d{1,19}$/))
const amount = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const time = v.optional(v.pipe(amount, v.maxValue(MAX_TIMESTAMP)))
const occurrences = v.strictObject({
  records: amount,
  bytes: amount,
  first: offset,
  last: offset,
  earliest: time,
  latest: time,
})
const byValue = v.record(v.string(), occurrences)
const tally = v.strictObject(
  Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, byValue])) as Record<
    Dimension,
    typeof byValue
  >,
)
const distinct = v.pipe(
  v.array(amount),
  v.transform((smallest) => new Distinct(smallest)),
)
const report = v.strictObject({
  version: v.literal(1),
  startedAt: v.string(),
  clusterId: v.optional(v.string()),
  isComplete: v.boolean(),
  watched: v.array(v.string()),
  group: v.optional(v.strictObject({ id: v.string(), isDone: v.boolean() })),
  topics: v.array(
    v.strictObject({
      topic: v.string(),
      partitionCount: v.optional(amount),
      open: v.optional(v.array(v.strictObject({ partition: amount, from: offset }))),
      sessions: distinct,
      deks: v.record(v.string(), distinct),
      partitions: v.array(
        v.strictObject({
          partition: amount,
          from: offset,
          next: offset,
          to: offset,
          records: amount,
          bytes: amount,
          overheadBytes: amount,
          tally,
          lastRecord: v.optional(
            v.strictObject({ offset, timestamp: v.pipe(v.string(), v.regex(/^-?\d{1,19}$/)), bytes: amount }),
          ),
          begin: v.optional(offset),
          isUnconfirmed: v.optional(v.literal(true)),
          openFrom: v.optional(offset),
        }),
      ),
    }),
  ),
})

/**
 * Reads a report that `writeReport` wrote.
 * @throws Error if the file is none; the error of the file system
 */
export async function readReport(file: string): Promise<ScanReport> {
  const text = await readFile(file, 'utf8')
  const parsed = v.safeParse(report, parseJson(text))
  if (!parsed.success) throw new Error(`${file} is not a report of kafka-envelope scan`)
  return parsed.output
}

/** Writes a report so that the file is at each moment whole: the earlier one or this one. */
export function writeReport(file: string, content: ScanReport): Promise<void> {
  return writeWhole(file, {
    // Not by the number of the process: in a container, one that was killed and its successor have the same.
    temporary: `${file}.${globalThis.crypto.randomUUID()}.tmp`,
    mode: 0o644,
    write: (handle) => handle.writeFile(`${JSON.stringify(content)}\n`),
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
