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
  type Delivered,
  type Undecided,
} from '../../record/decide.js'
import { hasMisreadHeader, withHeadersAsWritten } from '../../record/headers.js'
import type { Internals } from '../../record/internals.js'
import type { Opening } from '../../record/opening.js'
import type { PlainRecord, Source } from '../../record/record.js'
import { answerOf, sealedMessage } from '../../record/rejection-handler.js'
import { reportDecisions } from '../../record/report.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import type { Claim } from './claims.js'
import { DeadLetterOutbox, type LetterSender } from './dead-letter-outbox.js'
import { openPatiently } from './open-patiently.js'
import type { CarriedOut, ConsumedRecord, DeliveredRecord, Part, WaitFor } from './part.js'
import { publishDecided } from './publish-decided.js'
import { Interrupted, RetryWait } from './retry-while-transient.js'
import type { Waits } from './waits.js'

/** The part of a dead letter's reason that does not follow from the record. */
export type Rejection = Omit<DeadLetterReason, 'timestamp' | 'nullHeaders' | 'replacedNames'>

/** The operations of a client for the delivery of a consumer. `R` is a record as read, `L` a record to send. */
export interface DeliveryClient<R extends ConsumedRecord, L extends PlainRecord> {
  /** Undefined if the consumer was created without dead letters. */
  readonly letters: LetterSender<L> | undefined
  /** The consumer group, as far as it is known. */
  groupId(): string | undefined
  deadLetter(record: R, rejection: Rejection): L
}

/** The records of a claim that are not all opened yet, or not all delivered. */
export interface Run<R> {
  readonly part?: undefined
  readonly claim: Claim
  readonly rule: ReadingRule
  readonly records: readonly R[]
  readonly opening: Opening
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
  readonly #decider = new Decider()
  readonly #outbox: DeadLetterOutbox<L> | undefined

  constructor(
    internals: Pick<Internals, 'rules' | 'opener' | 'events' | 'clock'>,
    client: DeliveryClient<R, L>,
    waits: Waits,
  ) {
    this.#internals = internals
    this.#client = client
    this.#waits = waits
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
    try {
      const [first] = records
      const alone = records.length === 1 && first ? this.#openAlone(claim, rule, source, first) : undefined
      if (alone !== undefined) return { part: alone }
      const opening = this.#internals.opener.begin(rule, source, withHeadersAsWritten(records))
      const decisions = opening.isDone
        ? this.#decider.decide(rule, source, records, opening.results)
        : undefined
      if (decisions?.every(isOpened) === true && !claim.interrupted)
        return { part: this.#part(source, rule, records, { decisions }) }
      return { claim, rule, records, opening, decisions }
    } catch (error) {
      throw withPosition(error, source)
    }
  }

  /** Opens a single record, as in `eachMessage`, if its key is cached. Undefined if it has to wait or does not open. */
  #openAlone(claim: Claim, rule: ReadingRule, source: Required<Source>, record: R): Part<R> | undefined {
    if (claim.interrupted || hasMisreadHeader(record)) return undefined
    const opened = this.#internals.opener.openAlone(rule, source, record)
    if (opened === undefined) return undefined
    const delivered = this.#decider.deliver(rule, source, record, opened)
    this.#waits.movedTo(source, undefined)
    reportDecisions(this.#internals.events, rule, source, [delivered])
    return { delivered: [delivered], decided: 1, error: undefined }
  }

  /**
   * Waits for keys, and applies the rule to records that do not open. Returns the first records, as far as they are
   * decided; their dead letters are acknowledged. Returns undefined if the application interrupted it: then nothing may
   * be delivered or resolved.
   *
   * @throws EnvelopeError as `begin` does; the error of `heartbeat`
   */
  async complete(run: Run<R>, heartbeat: () => Promise<void>): Promise<Part<R> | undefined> {
    const { claim, rule, records, opening } = run
    const source = sourceOf(claim)
    const waitFor = (what: () => WaitFor): RetryWait => this.#waitFor(claim, rule, heartbeat, what)
    try {
      const failure = opening.isDone ? undefined : await openPatiently(opening, records, waitFor)
      const decisions = run.decisions ?? this.#decider.decide(rule, source, records, opening.results)
      const carriedOut = decisions.every(isOpened)
        ? { decisions, error: failure }
        : await this.#carryOut(claim, rule, decisions, failure, heartbeat, waitFor)
      // Also applies if nothing waited at that moment, such as during a heartbeat.
      if (claim.interrupted) throw new Interrupted()
      return this.#part(source, rule, records, carriedOut)
    } catch (error) {
      if (error instanceof Interrupted) {
        this.#waits.movedTo(source, undefined)
        return undefined
      }
      throw withPosition(error, source)
    }
  }

  /** Carries out the decisions about records that did not open: asks handlers, publishes dead letters. */
  async #carryOut(
    claim: Claim,
    rule: ReadingRule,
    undecided: readonly (Decision<R> | Undecided<R>)[],
    failure: EnvelopeError | undefined,
    heartbeat: () => Promise<void>,
    waitFor: (what: () => WaitFor) => RetryWait,
  ): Promise<CarriedOut<R>> {
    const decisions = isSettled(undecided)
      ? undecided
      : await settle(undecided, (rejected) => this.#ask(claim, rule, rejected, heartbeat))
    const decided = { decisions, error: failure }
    return decisions.some(isDeadLetter) ? this.#publish(claim, rule, decided, waitFor) : decided
  }

  /** Asks the handler of a rule, with heartbeats. @throws as `answerOf` does; Interrupted */
  async #ask(
    { topic, partition, signal }: Claim,
    rule: ReadingRule,
    { action: handler, record, error }: Undecided<R>,
    heartbeat: () => Promise<void>,
  ): Promise<RejectionAnswer> {
    const message = sealedMessage({ topic, partition }, record)
    const asking = answerOf(handler, message, error, {
      takesDeadLetters: this.#outbox !== undefined,
      comesBack: (to) => this.#internals.rules.reads(rule, to),
    })
    const report = (): void => undefined
    const options = { heartbeat, interrupted: signal, maxWaitMs: Infinity, report }
    await new RetryWait(options, this.#internals.clock).attempt(asking)
    return asking
  }

  #publish(
    { topic, partition }: Claim,
    rule: ReadingRule,
    decided: CarriedOut<R>,
    waitFor: (what: () => WaitFor) => RetryWait,
  ): Promise<CarriedOut<R>> {
    const source = { topic, partition }
    const group = this.#client.groupId()
    return publishDecided(decided, {
      source,
      outbox: this.#outbox as DeadLetterOutbox<L>,
      sendForMs: rule.decrypt.retryForMs,
      waitFor,
      letterOf: (record, code) =>
        this.#client.deadLetter(record, { code, ...source, offset: record.offset, group }),
    })
  }

  #part(
    source: Required<Source>,
    rule: ReadingRule,
    records: readonly R[],
    { decisions, error }: CarriedOut<R>,
  ): Part<R> {
    const last = decisions.at(-1)
    const stop = last?.action === 'stop' ? (last.fatal ?? last.error) : undefined
    const decided = decisions.length - (stop === undefined ? 0 : 1)
    this.#waits.movedTo(source, stop === undefined ? records[decided]?.offset : undefined)
    reportDecisions(this.#internals.events, rule, source, decisions)
    return { delivered: deliveredOf(decisions), decided, error: stop ?? error }
  }

  #waitFor(
    { topic, partition, signal }: Claim,
    rule: ReadingRule,
    heartbeat: () => Promise<void>,
    what: () => WaitFor,
  ): RetryWait {
    const options = {
      heartbeat,
      interrupted: signal,
      maxWaitMs: rule.decrypt.retryForMs,
      report: (failure: EnvelopeError | undefined, waitedMs: number) => {
        const { offset, deadLetter } = what()
        const code = failure?.code ?? (deadLetter === undefined ? 'KMS_TIMEOUT' : 'DEAD_LETTER_FAILED')
        const about = { topic, partition, offset, code, ...(deadLetter === undefined ? {} : { deadLetter }) }
        this.#internals.events.emit('consumer.waiting', this.#waits.update({ ...about, waitedMs }))
      },
    }
    return new RetryWait(options, this.#internals.clock)
  }
}

function sourceOf({ topic, partition }: Claim): Required<Source> {
  return { topic, partition }
}

function withPosition(error: unknown, source: Source): unknown {
  return isEnvelopeError(error) && error.position === undefined ? error.at(source) : error
}

function isOpened<R>(one: Decision<R> | Undecided<R>): one is Delivered<R> {
  return one.action === 'deliver'
}

/** The records for the application: those that opened, and those that a handler replaced. */
function deliveredOf<R>(decisions: readonly Decision<R>[]): DeliveredRecord<R>[] {
  const delivered: DeliveredRecord<R>[] = []
  for (const one of decisions) {
    if (one.action === 'deliver') delivered.push(one)
    else if (isDelivered(one))
      delivered.push({ record: one.record, value: one.action.value, envelope: { replaced: one.error.code } })
  }
  return delivered
}
