import { EnvelopeError } from '../../errors.js'
import type { Encryption } from '../../index.js'
import { describeRecord, type RecordDescription } from './describe-record.js'
import { describeValue, type ValueDescription } from './describe-value.js'
import type { InspectedRecord } from './inspected-record.js'
import { tryRecord, type Trial } from './try-record.js'

export interface InspectOptions {
  /** Tells whether its rules would accept the record. */
  readonly encryption?: Encryption
  /** Opens the record, which may ask a KMS, and returns the value. Default false. */
  readonly open?: boolean
}

/** What a record is. Its text comes from the record: escape it before you show it on a terminal. */
export interface Inspection {
  readonly record: RecordDescription
  readonly value: ValueDescription
  /** With `encryption`: whether its rule would accept the record. */
  readonly trial?: Trial
  /** With `open`, and if a consumer would get a value: this value. */
  readonly opened?: Buffer | null
}

/**
 * Says what a record is, as far as that can be seen without a key, and whether a configuration would accept it.
 * @throws EnvelopeError INVALID_RECORD, ENCRYPTION_CLOSED, CONFIG_INVALID
 */
export async function inspectRecord(
  record: InspectedRecord,
  { encryption, open = false }: InspectOptions = {},
): Promise<Inspection> {
  const value = await describeValue(record.value)
  const seen = { record: describeRecord(record), value }
  if (encryption === undefined) return seen
  const { topic = value.form === 'envelope' ? value.header?.topic : undefined } = record
  if (topic === undefined) {
    throw new EnvelopeError('INVALID_RECORD', 'the value does not say for which topic it was sealed', {
      remedy: 'Pass the topic; on the command line, with `--topic`',
    })
  }
  const { trial, value: opened } = await tryRecord(encryption, { ...record, topic }, open)
  return { ...seen, trial, ...(opened !== undefined && { opened }) }
}
