import { createHash } from 'node:crypto'
import type { Clock } from '../clock.js'
import type { CheckedOverride } from '../config/checked.js'
import type { OverrideAction } from '../config/override.js'
import type { EnvelopeError } from '../errors.js'
import type { ConfiguredOverride } from '../events.js'
import type { SealedRecord, Source } from './record.js'

/** An override as the configuration has it, and what became of it. */
export interface OverrideState extends ConfiguredOverride {
  /** How often this process has used it. A record that is delivered again counts again, and so does each consumer. */
  readonly used: number
  /** When it was last used, in ms since 1970. */
  readonly lastUsedMs?: number
}

/** An override of one record. */
export class RecordOverride {
  readonly #entry: CheckedOverride
  readonly #rule: string
  readonly #clock: Pick<Clock, 'wallMs'>
  #used = 0
  #lastUsedMs: number | undefined

  constructor(entry: CheckedOverride, rule: string, clock: Pick<Clock, 'wallMs'>) {
    this.#entry = entry
    this.#rule = rule
    this.#clock = clock
  }

  get action(): OverrideAction {
    return this.#entry.action
  }

  /** Whether it is about this failure of this record, and has not ended. */
  applies({ value }: RejectedRecord, error: EnvelopeError): boolean {
    const { code, valueSha256, untilMs } = this.#entry
    // Checked with the configuration too: nothing may ever make a record pass that only has to wait.
    const isDecided = error.kind === 'invalid' || error.kind === 'unreadable'
    if (!isDecided || error.code !== code || this.#clock.wallMs() >= untilMs) return false
    return valueSha256 === undefined || (isValue(value) && valueSha256 === sha256(value))
  }

  /** Counts that it was carried out. */
  use(): void {
    this.#used++
    this.#lastUsedMs = this.#clock.wallMs()
  }

  get configured(): ConfiguredOverride {
    const { topic, partition, offset, code, action, until, untilMs, by, why } = this.#entry
    return {
      ...{ rule: this.#rule, topic, partition, offset, code },
      ...(action === 'skip' ? { action } : { action: 'deadLetter', deadLetter: action.deadLetter }),
      ...{ until, by, why },
      state: this.#clock.wallMs() < untilMs ? 'active' : 'expired',
    }
  }

  get state(): OverrideState {
    const lastUsedMs = this.#lastUsedMs
    return { ...this.configured, used: this.#used, ...(lastUsedMs !== undefined && { lastUsedMs }) }
  }
}

type RejectedRecord = Partial<Pick<SealedRecord, 'value' | 'offset'>>

/** The overrides for records of one rule. */
export class Overrides {
  /** By topic, partition and offset. */
  readonly #byRecord: ReadonlyMap<string, RecordOverride>
  /** The topics that they send dead letters to. */
  readonly deadLetterTopics: readonly string[]

  constructor(entries: readonly CheckedOverride[], rule: string, clock: Pick<Clock, 'wallMs'>) {
    this.#byRecord = new Map(
      entries.map((entry) => [nameOf(entry, entry.offset), new RecordOverride(entry, rule, clock)]),
    )
    this.deadLetterTopics = entries.flatMap(({ action }) => (action === 'skip' ? [] : [action.deadLetter]))
  }

  get all(): readonly RecordOverride[] {
    return [...this.#byRecord.values()]
  }

  /** The override that applies to a record that did not open. */
  find(
    { topic, partition }: Source,
    record: RejectedRecord,
    error: EnvelopeError,
  ): RecordOverride | undefined {
    const { offset } = record
    if (this.#byRecord.size === 0 || partition === undefined || offset === undefined) return undefined
    const override = this.#byRecord.get(nameOf({ topic, partition }, offset))
    return override?.applies(record, error) === true ? override : undefined
  }
}

function nameOf({ topic, partition }: Required<Source>, offset: string): string {
  return `${topic}/${String(partition)}/${offset}`
}

function isValue(value: Buffer | null | undefined): value is Buffer {
  return value !== null && value !== undefined
}

function sha256(value: Buffer): string {
  return createHash('sha256').update(value).digest('hex')
}
