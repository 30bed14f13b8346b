import { systemClock, type Clock } from '../../clock.js'
import type { EnvelopeError } from '../../errors.js'
import type { Encryption } from '../../index.js'
import { internalsOf } from '../../record/internals.js'
import { openRecords } from '../../record/open-records.js'
import type { EnvelopeInfo, OpenedRecord } from '../../record/record.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { Patience, type WaitingForKms } from '../patience.js'
import { Denials } from './denials.js'
import { failedCheck, type FailedCheck } from './failed-check.js'
import { recordRuns, type ReadRecordsOptions, type StoredRecord } from './read-records.js'

/** A KMS does not answer for now, and this record needs it. */
export type WaitingToOpen = WaitingForKms & Pick<StoredRecord, 'topic' | 'partition' | 'offset'>

export interface ReadOpenedOptions extends ReadRecordsOptions {
  /** Its rule for the topic opens the records. */
  readonly encryption: Encryption
  /** Called before each wait for a KMS that cannot answer for now. */
  readonly onWaiting?: (waiting: WaitingToOpen) => void
}

/** A record with its value as a consumer would get it, or why it would get none. */
export type ReadOpened = Omit<StoredRecord, 'value'> &
  (
    | {
        readonly value: Buffer | null
        /** Undefined if the record was not sealed. */
        readonly envelope: EnvelopeInfo | undefined
        readonly failure?: undefined
      }
    | {
        readonly failure: FailedCheck & { readonly error: EnvelopeError }
        readonly value?: undefined
        readonly envelope?: undefined
      }
  )

/**
 * Reads the committed records of a topic as `readRecords` does, and opens them under the decrypt rule of the topic. A
 * record that does not open is returned with its failure; the policies and overrides of the rule do not apply. If a KMS
 * cannot answer for now, it waits until it can. What a KMS denies or refuses, it is not asked again for half a minute.
 *
 * @throws EnvelopeError TOPIC_NOT_CONFIGURED, ENCRYPTION_CLOSED
 * @throws as `readRecords`
 */
export function readOpened(options: ReadOpenedOptions): AsyncGenerator<ReadOpened, void, undefined> {
  return openRuns(recordRuns(options), options, systemClock)
}

/** The same for records from anywhere. */
export async function* openRuns(
  runs: AsyncIterable<readonly StoredRecord[]>,
  { encryption, topic, onWaiting, signal }: Omit<ReadOpenedOptions, 'kafka'>,
  clock: Clock,
): AsyncGenerator<ReadOpened, void, undefined> {
  const rule = internalsOf(encryption, 'readOpened').rules.forReading(topic)
  if (rule === 'passthrough') {
    for await (const records of runs) {
      for (const record of records) {
        signal?.throwIfAborted()
        yield { ...record, envelope: undefined }
      }
    }
    return
  }
  const denials = new Denials(rule, topic, clock)
  let next: StoredRecord | undefined
  const patience = new Patience(clock, (waiting) => {
    if (next === undefined) return
    const { partition, offset } = next
    onWaiting?.({ ...waiting, topic, partition, offset })
  })
  const stop = signal ?? new AbortController().signal
  for await (const records of runs) {
    for (let at = 0; at < records.length;) {
      const run = nextRun(records, at, denials)
      next = records[at]
      const outcomes = await patience.repeat(() => outcomesOf(encryption, run), stop)
      for (const [n, outcome] of outcomes.entries()) {
        const record = run.records[n] as StoredRecord
        if (run.error === undefined) denials.learn(record, outcome)
        stop.throwIfAborted()
        yield opened(rule, record, outcome)
      }
      at += outcomes.length
    }
  }
}

/** Records to open together; or one that a KMS denied, and why. */
interface Run {
  readonly records: readonly StoredRecord[]
  readonly error?: EnvelopeError
}

/** The records up to one of which it is not known whether a KMS denies it, or up to one that it does. */
function nextRun(records: readonly StoredRecord[], from: number, denials: Denials): Run {
  for (let at = from; at < records.length; at++) {
    const expected = denials.expect(records[at] as StoredRecord)
    if (expected === 'opens') continue
    if (expected === 'unknown') return { records: records.slice(from, at + 1) }
    return at === from
      ? { records: records.slice(at, at + 1), error: expected }
      : { records: records.slice(from, at) }
  }
  return { records: records.slice(from) }
}

/** The outcomes up to the first that may pass. @throws EnvelopeError if it is that of the first record */
async function outcomesOf(encryption: Encryption, { records, error }: Run): Promise<readonly OpenedRecord[]> {
  if (error !== undefined) return [{ error }]
  const outcomes = await openRecords(encryption, records)
  const waits = outcomes.findIndex((outcome) => outcome.error?.kind === 'transient')
  if (waits === 0) throw outcomes[0]?.error as EnvelopeError
  return waits < 0 ? outcomes : outcomes.slice(0, waits)
}

function opened(rule: ReadingRule, record: StoredRecord, outcome: OpenedRecord): ReadOpened {
  const { value: _, ...rest } = record
  if (outcome.error === undefined) return { ...rest, value: outcome.value, envelope: outcome.envelope }
  const { error } = outcome
  return { ...rest, failure: { ...failedCheck(rule, record, error), error } }
}
