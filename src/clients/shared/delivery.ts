import { pause, raceAbort } from '../../cancellation.js'
import { stopwatch } from '../../clock.js'
import type { RejectionAnswer } from '../../config/rejection.js'
import { isEnvelopeError, type EnvelopeError } from '../../errors.js'
import type { DeadLetterReason } from '../../record/dead-letter.js'
import {
  Decider,
  isDeadLetter,
  isDelivered,
  isSettled,
  settle,
  type Decision,
  type Undecided,
} from '../../record/decide.js'
import { hasMisreadHeader, withHeadersAsWritten } from '../../record/headers.js'
import type { Internals } from '../../record/internals.js'
import type { Opening } from '../../record/opening.js'
import {
  offsetNumber,
  type OpenedRecord,
  type OpenedValue,
  type PlainRecord,
  type Source,
} from '../../record/record.js'
import { answerOf, sealedMessage } from '../../record/rejection-handler.js'
import { reportDecisions, reportOneOpened, reportOpened } from '../../record/report.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { Claim } from './claims.js'
import { DeadLetterOutbox, type LetterSender } from './dead-letter-outbox.js'
import { HandlerAnswers } from './handler-answers.js'
import { KeyGates } from './key-gates.js'
import { openPatiently, PATIENCE_MS, type HeldUp } from './open-patiently.js'
import type { Parking } from './parking.js'
import type { ConsumedRecord, DeliveredValue, Part, WaitFor } from './part.js'
import { nameOf } from './place.js'
import { LetterPauses, publishDecided, type Published } from './publish-decided.js'
import { Interrupted, WaitInPlace } from './wait-in-place.js'
import type { Waits } from './waits.js'

/** The part of a dead letter's reason that does not follow from the record. */
export type Rejection = Omit<DeadLetterReason, 'timestamp' | 'nullHeaders' | 'replacedNames'>

/** The operations of a client for the delivery of a consumer. `R` is a record as read, `L` a record to send. */
export interface DeliveryClient<R extends ConsumedRecord, L extends PlainRecord> {
  /** Undefined if the consumer was created without dead letters. */
  readonly letters: LetterSender<L> | undefined
  /**
   * How long to wait in place at most, in ms, for a key that was known and is lost from the cache again. Default: as long
   * as it takes, for a client whose heartbeat ends a wait when the group rebalances.
   */
  readonly longestWaitMs?: number
  /** The consumer group, as far as it is known. */
  groupId(): string | undefined
  deadLetter(record: R, rejection: Rejection): L
}

/** The records that a consumer waits with, and the partitions that it has parked for that. */
export interface Delays {
  readonly waits: Waits
  readonly parking: Parking
}

/** The records of a claim that are not all opened yet, or not all delivered. */
export interface Run<R> {
  readonly part?: undefined
  readonly claim: Claim
  readonly rule: ReadingRule
  readonly records: readonly R[]
  readonly opening: Opening
  /** How long to wait in place for the key of the first record, in ms. */
  readonly firstKeyMs: number
  /** Undefined while records wait for keys. */
  readonly decisions: readonly (Decision<R> | Undecided<R>)[] | undefined
}

/** The records of a claim, all opened, to be delivered immediately. */
export interface OpenedRun<R> {
  readonly part: Part<R>
}

/** Opens records for one run of a consumer, and applies the policy to those that do not open. */
export class Delivery<R extends ConsumedRecord, L extends PlainRecord> {
  readonly #internals: Pick<Internals, 'rules' | 'opener' | 'events' | 'clock'>
  readonly #client: DeliveryClient<R, L>
  readonly #waits: Waits
  readonly #parking: Parking
  readonly #gates: KeyGates
  readonly #letterPauses: LetterPauses
  readonly #answers = new HandlerAnswers()
  readonly #decider = new Decider()
  readonly #outbox: DeadLetterOutbox<L> | undefined

  constructor(
    internals: Pick<Internals, 'rules' | 'opener' | 'events' | 'clock'>,
    client: DeliveryClient<R, L>,
    { waits, parking }: Delays,
  ) {
    this.#internals = internals
    this.#client = client
    this.#waits = waits
    this.#parking = parking
    this.#gates = new KeyGates(internals.clock)
    this.#letterPauses = new LetterPauses(() => internals.clock.jitter())
    this.#outbox = client.letters && new DeadLetterOutbox(client.letters)
  }

  /**
   * Opens the records of a claim synchronously, as far as keys are cached. If the run has no `part` after that, call
   * `complete`.
   *
   * @param rule the rule of the topic. Do not pass records of passthrough rules
   * @throws EnvelopeError with the position of the record, or of the partition
   */
  begin(claim: Claim, rule: ReadingRule, records: readonly R[]): Run<R> | OpenedRun<R> {
    const source = sourceOf(claim)
    // The key that it was parked for may have been lost from the cache again: then it waits for it here.
    const { longestWaitMs = Infinity } = this.#client
    const firstKeyMs = this.#parking.returns(source) ? longestWaitMs : PATIENCE_MS
    try {
      const opening = this.#internals.opener.begin(rule, source, withHeadersAsWritten(records))
      const { results } = opening
      if (opening.isDone && results.every(isOpened) && !claim.interrupted)
        return { part: this.#openedPart(source, rule, records, results) }
      const decisions = opening.isDone ? this.#decider.decide(rule, source, records, results) : undefined
      return { claim, rule, records, opening, decisions, firstKeyMs }
    } catch (error) {
      throw withPosition(error, source)
    }
  }

  /**
   * Opens a single record, as in `eachMessage`, if its key is cached. Undefined if it has to wait or does not open: then
   * call `begin`.
   *
   * @throws EnvelopeError as `begin` does
   */
  openAlone(claim: Claim, rule: ReadingRule, record: R): DeliveredValue | undefined {
    if (claim.interrupted || hasMisreadHeader(record)) return undefined
    // A new object takes longer than some of the checks.
    const source: Required<Source> = claim
    try {
      const opened = this.#internals.opener.openAlone(rule, source, record)
      if (opened === undefined) return undefined
      this.#decider.countOneOpened(rule, source, record)
      this.#parking.returns(source)
      this.#waits.movedTo(source, undefined)
      reportOneOpened(this.#internals.events, rule, source, opened, record.offset)
      return opened
    } catch (error) {
      throw withPosition(error, sourceOf(claim))
    }
  }

  /**
   * Waits for keys, and applies the rule to records that do not open. Returns the first records, as far as they are
   * decided; their dead letters are acknowledged. Returns undefined if nothing may be delivered or resolved: the
   * application interrupted it, or the partition was parked.
   *
   * @throws EnvelopeError as `begin` does; the error of `heartbeat`
   */
  async complete(run: Run<R>, heartbeat: () => Promise<void>): Promise<Part<R> | undefined> {
    const { claim, rule, records, opening, firstKeyMs } = run
    const source = sourceOf(claim)
    try {
      const waitFor = (what: () => WaitFor): WaitInPlace => this.#waitInPlace(claim, heartbeat, what)
      const wait = waitFor(() => records[opening.results.length] as R)
      const patience = { wait, gates: this.#gates, firstKeyMs }
      const heldUp = opening.isDone ? undefined : await openPatiently(opening, records, patience)
      // Also applies if nothing waited at that moment, such as during a heartbeat.
      refuseInterrupted(claim)
      if (heldUp !== undefined) {
        this.#parkForKey(source, records[0] as R, heldUp, wait.waitedMs)
        return undefined
      }
      const { results } = opening
      if (run.decisions === undefined && results.every(isOpened))
        return this.#openedPart(source, rule, records, results)
      const decisions = run.decisions ?? this.#decider.decide(rule, source, records, results)
      const settled = isSettled(decisions)
        ? decisions
        : await settle(decisions, (rejected) => this.#ask(claim, rule, rejected, heartbeat))
      const published = settled.some(isDeadLetter)
        ? await this.#publish(source, settled, waitFor)
        : { decisions: settled }
      refuseInterrupted(claim)
      if (published.heldUp !== undefined) {
        this.#parkForLetter(source, published.heldUp)
        return undefined
      }
      return this.#part(source, rule, records, published.decisions)
    } catch (error) {
      if (error instanceof Interrupted) {
        this.#waits.movedTo(source, undefined)
        return undefined
      }
      throw withPosition(error, source)
    }
  }

  /** Forgets what was remembered in case batches have to be read again, since partitions are read from elsewhere. */
  forget(): void {
    this.#answers.forget()
    this.#outbox?.forget()
  }

  /** The same, for the records of a partition up to the last one that is decided. */
  #movedOn(source: Required<Source>, last: R | undefined): void {
    if (last === undefined || (this.#outbox === undefined && this.#answers.isEmpty)) return
    const [name, next] = [nameOf(source), offsetNumber(last.offset) + 1n]
    this.#outbox?.movedOn(name, next)
    this.#answers.movedOn(name, next)
  }

  /** Asks the handler of a rule, with heartbeats. @throws as `answerOf` does; Interrupted */
  async #ask(
    { topic, partition, signal }: Claim,
    rule: ReadingRule,
    { action: handler, record, error }: Undecided<R>,
    heartbeat: () => Promise<void>,
  ): Promise<RejectionAnswer> {
    const name = nameOf({ topic, partition })
    const known = this.#answers.known(name, record.offset, error.code)
    if (known !== undefined) return known
    const message = sealedMessage({ topic, partition }, record)
    const asking = answerOf(handler, message, error, {
      takesDeadLetters: this.#outbox !== undefined,
      comesBack: (to) => this.#internals.rules.reads(rule, to),
    })
    const report = (): void => undefined
    await new WaitInPlace({ heartbeat, interrupted: signal, report }, this.#internals.clock).for(asking)
    const answer = await asking
    this.#answers.remember(name, record.offset, error.code, answer)
    return answer
  }

  #publish(
    source: Required<Source>,
    decisions: readonly Decision<R>[],
    waitFor: (what: () => WaitFor) => WaitInPlace,
  ): Promise<Published<R>> {
    const group = this.#client.groupId()
    return publishDecided(decisions, {
      source,
      outbox: this.#outbox as DeadLetterOutbox<L>,
      pauses: this.#letterPauses,
      waitFor,
      letterOf: ({ record, error: { code }, override }) =>
        this.#client.deadLetter(record, {
          ...{ code, ...source, offset: record.offset, group },
          override: override !== undefined,
        }),
    })
  }

  /** The first records of a run, which all opened. */
  #openedPart(
    source: Required<Source>,
    rule: ReadingRule,
    records: readonly R[],
    values: readonly OpenedValue[],
  ): Part<R> {
    const decided = values.length
    // A copy, because a client may add records to its list meanwhile.
    const delivered = records.slice(0, decided)
    this.#decider.countOpened(rule, source, delivered)
    this.#waits.movedTo(source, records[decided]?.offset)
    this.#movedOn(source, delivered.at(-1))
    reportOpened(this.#internals.events, rule, source, values, (i) => delivered[i]?.offset)
    return { records: delivered, values, decided, error: undefined }
  }

  #part(
    source: Required<Source>,
    rule: ReadingRule,
    records: readonly R[],
    decisions: readonly Decision<R>[],
  ): Part<R> {
    const last = decisions.at(-1)
    const error = last?.action === 'stop' ? (last.fatal ?? last.error) : undefined
    const decided = decisions.length - (error === undefined ? 0 : 1)
    this.#waits.movedTo(source, error === undefined ? records[decided]?.offset : undefined)
    this.#movedOn(source, records[decided - 1])
    reportDecisions(this.#internals.events, rule, source, decisions)
    return { ...deliveredOf(decisions), decided, error }
  }

  #parkForKey(source: Required<Source>, { offset }: R, { key, failure }: HeldUp, waitedMs: number): void {
    this.#park(
      source,
      { offset },
      { failure: failure ?? this.#gates.failureOf(key), waitedMs },
      (signal, report) => this.#gates.ask(key, failure, { signal, report }),
    )
  }

  #parkForLetter(
    source: Required<Source>,
    { by, topic, failure, waitedMs }: NonNullable<Published<R>['heldUp']>,
  ): void {
    const { clock } = this.#internals
    const ended = this.#outbox?.ended(nameOf(source)) ?? Promise.resolve(false)
    this.#park(source, by, { failure, waitedMs }, async (signal) => {
      if (!(await raceAbort(ended, signal))) await pause(this.#letterPauses.next(topic), signal, clock)
    })
  }

  /** Holds no records, so that a long wait takes no memory. */
  #park(
    source: Required<Source>,
    what: WaitFor,
    soFar: { readonly failure: EnvelopeError | undefined; readonly waitedMs: number },
    until: (signal: AbortSignal, failed: (failure: EnvelopeError) => void) => Promise<void>,
  ): void {
    const parkedMs = stopwatch(this.#internals.clock)
    let last = soFar.failure
    const report = (): void => {
      this.#report(source, what, last, soFar.waitedMs + parkedMs())
    }
    const isParked = this.#parking.park(source, {
      report,
      over: () => {
        this.#waits.over(source)
      },
      until: (signal) =>
        until(signal, (error) => {
          last = error
          report()
        }),
    })
    if (!isParked) this.#waits.movedTo(source, undefined)
  }

  #waitInPlace(
    { topic, partition, signal }: Claim,
    heartbeat: () => Promise<void>,
    what: () => WaitFor,
  ): WaitInPlace {
    const report = (waitedMs: number, failure?: EnvelopeError): void => {
      this.#report({ topic, partition }, what(), failure, waitedMs)
    }
    return new WaitInPlace({ heartbeat, interrupted: signal, report }, this.#internals.clock)
  }

  #report(
    { topic, partition }: Required<Source>,
    { offset, deadLetter }: WaitFor,
    failure: EnvelopeError | undefined,
    waitedMs: number,
  ): void {
    const code = failure?.code ?? (deadLetter === undefined ? 'KMS_TIMEOUT' : 'DEAD_LETTER_FAILED')
    const about = { topic, partition, offset, code, ...(deadLetter === undefined ? {} : { deadLetter }) }
    this.#internals.events.emit('consumer.waiting', this.#waits.update({ ...about, waitedMs }))
  }
}

/** @throws Interrupted */
function refuseInterrupted(claim: Claim): void {
  if (claim.interrupted) throw new Interrupted()
}

function sourceOf({ topic, partition }: Claim): Required<Source> {
  return { topic, partition }
}

function withPosition(error: unknown, source: Source): unknown {
  return isEnvelopeError(error) && error.position === undefined ? error.at(source) : error
}

function isOpened(result: OpenedRecord): result is OpenedValue & { readonly error?: undefined } {
  return result.error === undefined
}

/** The records for the application: those that opened, and those that a handler replaced. */
function deliveredOf<R>(decisions: readonly Decision<R>[]): Pick<Part<R>, 'records' | 'values'> {
  const records: R[] = []
  const values: DeliveredValue[] = []
  for (const one of decisions) {
    if (!isDelivered(one)) continue
    records.push(one.record)
    if (one.action === 'deliver') values.push(one)
    else values.push({ value: one.action.value, envelope: { replaced: one.error.code } })
  }
  return { records, values }
}
