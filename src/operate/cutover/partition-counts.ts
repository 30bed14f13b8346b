import type { KafkaMessage } from 'kafkajs'
import { fingerprintOf } from '../../envelope/formats.js'
import type { Findings } from '../scan/findings.js'
import { count, noneYet, type Occurrences } from '../scan/tally.js'
import type { OffsetRange } from '../topics/ranges.js'
import type { PlaintextWriters } from './plaintext-writers.js'
import { hasEnded } from './until-offsets.js'

/** What one partition held when it was read. Offsets are decimal. */
export interface PartitionCutover {
  readonly partition: number
  /** The first offset that the partition still has. */
  readonly low: string
  /** Records were read from here. */
  readonly from: string
  /** The end of the partition, behind the records of open transactions. */
  readonly end: string
  /** Whether everything between `from` and `end` was read. */
  readonly isComplete: boolean
  /** The offset below which the rule accepts plaintext; null if it accepts none, or is not known. */
  readonly until: string | null
  readonly sealed: Occurrences | null
  /** All plaintext, with values whose Avro fingerprint the rule lists. */
  readonly plaintext: Occurrences | null
  /** The part of it that the rule does not accept, at `until` and behind it. */
  readonly refused: Occurrences | null
  /** Values of another Avro schema that the rule does not list. */
  readonly unknownFormat: Occurrences | null
  readonly malformed: Occurrences | null
  readonly tombstones: number
}

type Counted = 'sealed' | 'plaintext' | 'refused' | 'unknownFormat' | 'malformed'

export interface PartitionSetting {
  readonly range: OffsetRange
  readonly low: bigint
  readonly until: bigint | undefined
  readonly fingerprints: readonly string[]
  readonly findings: Findings
  readonly writers: PlaintextWriters
}

/** Counts the records of one partition. */
export class PartitionCounts {
  readonly #setting: PartitionSetting
  readonly #counted: Partial<Record<Counted, Occurrences>> = {}
  #tombstones = 0
  #end: bigint
  #isComplete = false

  constructor(setting: PartitionSetting) {
    this.#setting = setting
    this.#end = setting.range.to
  }

  count(messages: readonly KafkaMessage[]): void {
    for (const message of messages) this.#countOne(message)
  }

  /** @param end where the reading ended; behind the range if later records were read, too */
  finish(end: bigint, isComplete: boolean): void {
    this.#end = end
    this.#isComplete = isComplete
  }

  report(): PartitionCutover {
    const { range, low, until } = this.#setting
    const {
      sealed = null,
      plaintext = null,
      refused = null,
      unknownFormat = null,
      malformed = null,
    } = this.#counted
    return {
      partition: range.partition,
      low: String(low),
      from: String(range.from),
      end: String(this.#end),
      isComplete: this.#isComplete,
      until: until === undefined ? null : String(until),
      ...{ sealed, plaintext, refused, unknownFormat, malformed },
      tombstones: this.#tombstones,
    }
  }

  #countOne(message: KafkaMessage): void {
    const { value } = message
    const { findings, fingerprints, until, writers, range } = this.#setting
    const [{ kind }] = findings.of(value)
    if (kind === 'tombstone') {
      this.#tombstones++
    } else if (
      kind === 'plaintext' ||
      (kind === 'unknownFormat' && value !== null && fingerprints.includes(fingerprintOf(value)))
    ) {
      this.#add('plaintext', message)
      const isRefused = until === undefined || BigInt(message.offset) >= until
      if (isRefused) this.#add('refused', message)
      // Those who wrote plaintext before it ended are not asked for, and there could be many.
      if (isRefused || !hasEnded(until, String(range.to))) writers.add(range.partition, message, isRefused)
    } else this.#add(kind, message)
  }

  #add(kind: Counted, { value, offset, timestamp }: KafkaMessage): void {
    const occurrences = (this.#counted[kind] ??= noneYet(offset))
    count(occurrences, value?.length ?? 0, offset, Number(timestamp))
  }
}
