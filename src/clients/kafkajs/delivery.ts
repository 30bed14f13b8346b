import type { KafkaMessage } from 'kafkajs'
import { isEnvelopeError, type EnvelopeError } from '../../errors.js'
import type { Waiting } from '../../events.js'
import {
  decide,
  isSettled,
  settle,
  type Decision,
  type Delivered,
  type Rejected,
  type Undecided,
} from '../../record/decide.js'
import type { DeadLetterPolicy, RejectionAnswer } from '../../config/rejection.js'
import type { Source } from '../../record/opener.js'
import type { Opening } from '../../record/opening.js'
import { answerOf } from '../../record/rejection-handler.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { InvalidRateGuard, type CountRecord } from '../../record/verdict.js'
import { Interrupted, Patience } from '../shared/retry-while-transient.js'
import type { Waits } from '../shared/waits.js'
import type { Claim } from './claims.js'
import type { ConsumerHost } from './consumer.js'
import { deadLetter } from './dead-letter.js'
import { checkLetterBox, type DeadLetterProducer } from './dead-letter-producer.js'
import { Outbox } from './outbox.js'
import { actionName, isDeadLetter, isDelivered, messageOf, sealedMessage } from './outcome.js'
import { publish } from './publish-dead-letters.js'

/** As many of the first messages of a run as are decided. What is behind them comes with the next fetch. */
export interface Part {
  /** Opened messages in order; what the policy skips or sends to the dead letters is left out. */
  readonly messages: KafkaMessage[]
  /** How many messages of the run it decides. */
  readonly decided: number
  /**
   * To be thrown once the part is delivered and resolved: why the next record stops the consumer, or the transient
   * failure that outlasted `retryFor`.
   */
  readonly error: EnvelopeError | undefined
}

/** Decisions that are carried out, and what `Part` has as `error`. */
interface CarriedOut {
  readonly decisions: readonly Decision<KafkaMessage>[]
  readonly error?: EnvelopeError | undefined
}

type DeadLetter = Rejected<KafkaMessage, DeadLetterPolicy>

/** Opened values of a batch may take as much as its sealed ones, and at least this, before it is cut. */
const MIN_OPENED_BYTES = 2 ** 25
/** How long messages that are open already wait for those behind them. */
const HOLD_BACK_MS = 1000
/** How long a dead letter may be on its way at least: KafkaJS gives one request this long. */
const MIN_SEND_MS = 30_000
/** How long a dead letter on its way may take once the consumer stops: it would be written again. */
const LETTER_GRACE_MS = 1000

/** Opens messages for one run of a consumer and carries out what the policy says about those that do not open. */
export class Delivery {
  readonly #host: ConsumerHost
  readonly #waits: Waits
  readonly #groupId: () => string | undefined
  readonly #shares = new Map<ReadingRule, InvalidRateGuard>()
  #outbox: Outbox | undefined

  constructor(host: ConsumerHost, waits: Waits, groupId: () => string | undefined) {
    this.#host = host
    this.#waits = waits
    this.#groupId = groupId
  }

  /**
   * The first messages, as far as they are decided. Their dead letters are acknowledged when this resolves. Undefined
   * where the application interrupted it: then nothing may be delivered or resolved.
   *
   * @throws EnvelopeError without a cause, for KafkaJS to act on; what `heartbeat` rejects with
   */
  async open(
    claim: Claim,
    messages: readonly KafkaMessage[],
    heartbeat: () => Promise<void>,
  ): Promise<Part | undefined> {
    const { topic, partition } = claim
    const source = { topic, partition }
    try {
      const rule = this.#host.rules.forReading(topic)
      checkLetterBox(rule, this.#host.deadLetters)
      const patience = (waitFor: () => Pick<Waiting, 'offset' | 'deadLetter'>): Patience =>
        this.#patience(claim, heartbeat, rule, waitFor)
      const opening = this.#host.opener.begin(source, messages)
      const failure = await this.#advance(opening, messages, patience).finally(() => {
        opening.close()
      })
      const undecided = decide(messages, opening.results, rule, this.#counting(rule, source))
      const decisions = isSettled(undecided)
        ? undecided
        : await settle(undecided, (rejected) => this.#ask(claim, rejected, heartbeat))
      const carriedOut =
        rule === 'passthrough'
          ? { decisions, error: failure }
          : await this.#publish(source, decisions, rule, failure, patience)
      // Also where nothing waited at that moment, such as during a heartbeat.
      if (claim.interrupted) throw new Interrupted()
      return this.#part(source, messages, carriedOut, rule)
    } catch (error) {
      if (error instanceof Interrupted) {
        this.#waits.movedTo(source, undefined)
        return undefined
      }
      throw isEnvelopeError(error) ? (error.position ? error : error.at(source)).withoutCause() : error
    }
  }

  /** Opens as far as it should go; returns the transient failure that outlasted the patience. */
  async #advance(
    opening: Opening,
    messages: readonly KafkaMessage[],
    patienceFor: (waitFor: () => Pick<Waiting, 'offset'>) => Patience,
  ): Promise<EnvelopeError | undefined> {
    if (opening.proceed()) return undefined
    const { results } = opening
    const maxBytes = Math.max(MIN_OPENED_BYTES, sum(messages.map(({ value }) => value?.length ?? 0)))
    const patience = patienceFor(() => messages[results.length] as KafkaMessage)
    do {
      if (opening.openedBytes >= maxBytes) return undefined
      const { failure, settledKeys } = opening
      const leftMs = results.some(({ error }) => error === undefined)
        ? Math.max(0, HOLD_BACK_MS - patience.waitedMs)
        : Infinity
      if (failure !== undefined) {
        patience.failed(failure)
        if (patience.isOver) return failure
        if (leftMs < Infinity) return undefined
        await patience.pause()
      } else if (opening.waits && results.length > 0 && (leftMs === 0 || patience.isOver)) return undefined
      if (!(await patience.attempt(opening.ready(), opening.waits ? leftMs : Infinity))) return undefined
      if (opening.settledKeys > settledKeys) patience.progressed()
    } while (!opening.proceed())
    return undefined
  }

  /** Asks the handler of a rule, with heartbeats. @throws as `answerOf` does; Interrupted */
  async #ask(
    { topic, partition, signal }: Claim,
    { action: handler, record, error }: Undecided<KafkaMessage>,
    heartbeat: () => Promise<void>,
  ): Promise<RejectionAnswer> {
    const { rules, deadLetters } = this.#host
    const rule = rules.forReading(topic)
    const asking = answerOf(handler, sealedMessage({ topic, partition }, record), error, {
      takesDeadLetters: deadLetters !== undefined,
      comesBack: (to) => rule !== 'passthrough' && rules.reads(rule, to),
    })
    await new Patience({
      heartbeat,
      interrupted: signal,
      maxWaitMs: Infinity,
      report: () => undefined,
    }).attempt(asking)
    return asking
  }

  /** A letter that is refused, or not acknowledged, ends the part before it. */
  async #publish(
    source: Required<Source>,
    decisions: readonly Decision<KafkaMessage>[],
    { decrypt }: ReadingRule,
    failure: EnvelopeError | undefined,
    patienceFor: (waitFor: () => Pick<Waiting, 'offset' | 'deadLetter'>) => Patience,
  ): Promise<CarriedOut> {
    const dead = decisions.filter(isDeadLetter)
    if (dead.length === 0) return { decisions, error: failure }
    const outbox = (this.#outbox ??= new Outbox(this.#host.deadLetters as DeadLetterProducer))
    const partition = `${source.topic}/${String(source.partition)}`
    const group = this.#groupId()
    let written = 0
    const patience = patienceFor(() => {
      const { record, error, action } = dead[written] as DeadLetter
      return { offset: record.offset, deadLetter: { topic: action.deadLetter, code: error.code } }
    })
    const send = (work: Promise<unknown>): Promise<boolean> =>
      patience.attempt(work, Math.max(decrypt.retryForMs, MIN_SEND_MS), LETTER_GRACE_MS)
    while (written < dead.length) {
      const [topic, run] = sameTopic(dead, written)
      const letters = run.map(({ record, error: { code } }) =>
        deadLetter(record, { code, ...source, offset: record.offset, group }),
      )
      const failed = await publish({ outbox, partition, topic }, letters, send)
      written += failed?.index ?? run.length
      if (failed === undefined) continue
      const rejected = dead[written] as DeadLetter
      const before = decisions.slice(0, decisions.indexOf(rejected))
      const error = failed.error.at({ ...source, offset: rejected.record.offset })
      if (error.kind !== 'transient')
        return { decisions: [...before, { ...rejected, action: 'stop', fatal: error }] }
      patience.failed(error)
      if (patience.isOver) return { decisions: before, error }
      if (before.some(isDelivered)) return { decisions: before }
      await patience.pause()
    }
    return { decisions, error: failure }
  }

  #part(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    { decisions, error }: CarriedOut,
    rule: ReadingRule | 'passthrough',
  ): Part {
    const last = decisions.at(-1)
    const stop = last?.action === 'stop' ? (last.fatal ?? last.error) : undefined
    const decided = decisions.length - (stop === undefined ? 0 : 1)
    const opened = decisions.filter((one): one is Delivered<KafkaMessage> => one.action === 'deliver')
    const delivered = decisions.filter(isDelivered)
    this.#waits.movedTo(source, stop === undefined ? messages[decided]?.offset : undefined)
    this.#host.opener.report(source.topic, opened)
    for (const one of decisions) if (one.action !== 'deliver') this.#reportRejected(source, one, rule)
    return { messages: delivered.map(messageOf), decided, error: (stop ?? error)?.withoutCause() }
  }

  #patience(
    { topic, partition, signal }: Claim,
    heartbeat: () => Promise<void>,
    rule: ReadingRule | 'passthrough',
    waitFor: () => Pick<Waiting, 'offset' | 'deadLetter'>,
  ): Patience {
    return new Patience({
      heartbeat,
      interrupted: signal,
      maxWaitMs: rule === 'passthrough' ? 0 : rule.decrypt.retryForMs,
      report: (failure, waitedMs) => {
        const { offset, deadLetter: letter } = waitFor()
        const code = failure?.code ?? (letter === undefined ? 'KMS_TIMEOUT' : 'DEAD_LETTER_FAILED')
        const about = {
          topic,
          partition,
          offset,
          code,
          ...(letter === undefined ? {} : { deadLetter: letter }),
        }
        this.#host.events.emit('consumer.waiting', this.#waits.update({ ...about, waitedMs }))
      },
    })
  }

  #reportRejected(
    source: Required<Source>,
    rejected: Rejected<KafkaMessage>,
    rule: ReadingRule | 'passthrough',
  ): void {
    const named = rule === 'passthrough' ? {} : { rule: rule.name }
    const { code, kind } = rejected.error
    const { offset } = rejected.record
    const action = actionName(rejected)
    this.#host.events.emit('record.rejected', { ...named, code, kind, action, ...source, offset })
  }

  #counting(rule: ReadingRule | 'passthrough', source: Required<Source>): CountRecord {
    if (rule === 'passthrough') return () => false
    let share = this.#shares.get(rule)
    if (share === undefined)
      this.#shares.set(rule, (share = new InvalidRateGuard(rule.decrypt.maxInvalidShare)))
    return share.of(source)
  }
}

/** The letters from one on that go to the same topic: in order, so that what is written is known by a number. */
function sameTopic(dead: readonly DeadLetter[], from: number): [topic: string, DeadLetter[]] {
  const topic = (dead[from] as DeadLetter).action.deadLetter
  const end = dead.findIndex(({ action }, i) => i > from && action.deadLetter !== topic)
  return [topic, dead.slice(from, end < 0 ? undefined : end)]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
