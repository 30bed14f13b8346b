import { nextTurn } from '../clock.js'
import type { Encryption } from '../encryption.js'
import { EnvelopeError } from '../errors.js'
import { at, each, groups, ownKey } from './given-records.js'
import { readHeaders, type GivenHeaders } from './headers.js'
import { internalsOf } from './internals.js'
import { openAll } from './opening.js'
import { describe, isBytes, offsetText, type SealedRecord, type OpenedRecord } from './record.js'
import { reportOpened } from './report.js'

/** A larger batch is checked in one turn of the event loop, and opened in the next ones. */
const MANY = 10_000

/** A record of any client, as read. */
export interface ReadRecord extends Omit<SealedRecord, 'headers' | 'offset'> {
  readonly topic: string
  readonly partition?: number
  /** Kafka offset: decimal text, a bigint, or a safe integer. Only a rule that still allows plaintext needs it. */
  readonly offset?: string | bigint | number
  readonly headers?: GivenHeaders | null | undefined
}

/**
 * Opens a batch of records of any topics. Returns the outcome of each record, in order: its value, or an error with a
 * code and a kind. Transient errors are outcomes too: open those records again later. `onInvalid` and `onUnreadable` of a
 * rule, and overrides, apply only to wrapped consumers.
 * @throws EnvelopeError TOPIC_NOT_CONFIGURED, INVALID_RECORD, ENCRYPTION_CLOSED
 */
export async function openRecords(
  encryption: Encryption,
  records: readonly ReadRecord[],
): Promise<OpenedRecord[]> {
  const { rules, opener, events } = internalsOf(encryption, 'openRecords')
  const own = each(records, openable)
  // Checking so many has taken long enough for one turn.
  if (own.length > MANY) await nextTurn()
  const results: OpenedRecord[] = []
  for (const [topic, ofTopic] of groups(own, own.keys(), (record) => record.topic)) {
    const rule = rules.forReading(topic)
    if (rule === 'passthrough') {
      for (const i of ofTopic) results[i] = { value: at(own, i).value, envelope: undefined }
      continue
    }
    for (const [partition, indexes] of groups(own, ofTopic, (record) => record.partition)) {
      const source = { topic, ...(partition === undefined ? {} : { partition }) }
      const batch = indexes.map((i) => at(own, i))
      const opening = opener.begin(rule, source, batch)
      const opened = opening.isDone ? opening.results : await openAll(opening)
      reportOpened(events, rule, source, opened, (i) => at(batch, i).offset)
      for (let n = 0; n < indexes.length; n++) results[at(indexes, n)] = at(opened, n)
    }
  }
  return results
}

/** A copy of a record, except for its value. */
type Openable = SealedRecord & { readonly topic: string; readonly partition: number | undefined }

function openable(record: ReadRecord): Openable {
  const { topic, partition, value, offset, headers } = record
  if (value !== null && !(isBytes(value) && typeof value !== 'string'))
    throw new EnvelopeError('INVALID_RECORD', `the value is ${describe(value)}`)
  return {
    topic,
    partition,
    value,
    key: ownKey(record),
    headers: readHeaders(headers),
    offset: offset === undefined ? undefined : offsetText(offset),
  }
}
