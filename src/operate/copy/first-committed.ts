import type { Kafka } from 'kafkajs'
import type { OffsetRange } from '../topics/ranges.js'
import type { RawMessage } from '../topics/raw-message.js'
import { readTopics } from '../topics/read-topics.js'
import { TransactionEnds } from '../topics/transaction-ends.js'

type Place = Pick<RawMessage, 'offset' | 'batchContext'>

/** What was seen of a range. */
interface Seen {
  range: OffsetRange
  readonly ends: TransactionEnds
  /** Records whose transaction may have been aborted. */
  open: readonly Place[]
  last: bigint
}

/** Enough for a record batch and the marker after it. */
const FETCH_BYTES = 16 * 1024 * 1024

/**
 * A committed record in ranges of one topic, if there is one. Everything in them has to be decided: they end where the
 * first open transaction begins.
 */
export async function firstCommitted(
  kafka: Kafka,
  ranges: readonly OffsetRange[],
  signal: AbortSignal,
): Promise<{ readonly partition: number; readonly offset: bigint } | undefined> {
  const seen = new Map<number, Seen>(
    ranges.map((range) => [
      range.partition,
      { range, ends: new TransactionEnds(), open: [], last: range.from },
    ]),
  )
  let left = ranges.filter(({ from, to }) => from < to)
  while (left.length > 0) {
    let found: { partition: number; offset: bigint } | undefined
    await readTopics({
      ...{
        kafka,
        purpose: 'copy',
        ranges: left,
        readUncommitted: true,
        maxBytesPerPartition: FETCH_BYTES,
        signal,
      },
      onBatch: ({ partition, withMarkers }) => {
        const offset = look(seen.get(partition), withMarkers)
        if (offset === undefined) return undefined
        found = { partition, offset }
        return 'stop'
      },
    })
    if (found !== undefined) return found
    left = [...seen.values()].filter(({ open }) => open.length > 0).map(fromLastRecord)
  }
  return undefined
}

/** The offset of a committed record among those that are new, or were open. */
function look(seen: Seen | undefined, messages: readonly RawMessage[]): bigint | undefined {
  if (seen === undefined) return undefined
  const { ends } = seen
  const records: Place[] = [...seen.open]
  for (const message of messages) {
    if (message.isControlRecord === true) ends.learn(message)
    else {
      const { offset, batchContext } = message
      records.push({ offset, ...(batchContext && { batchContext }) })
      seen.last = BigInt(offset)
    }
  }
  seen.open = records.filter((record) => ends.isCommitted(record) === undefined)
  const committed = records.find((record) => ends.isCommitted(record) === true)
  return committed && BigInt(committed.offset)
}

/** Markers that were fetched without a record come with one if a fetch begins at the record before them. */
function fromLastRecord(seen: Seen): OffsetRange {
  const { range, last } = seen
  if (last === range.from) {
    throw new Error(
      `topic ${range.topic}: it is not known how a transaction in partition ${String(range.partition)} ended`,
    )
  }
  seen.range = { ...range, from: last }
  return seen.range
}
