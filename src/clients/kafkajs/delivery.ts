import type { KafkaMessage } from 'kafkajs'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { OpenedRecord, Source } from '../../record/opener.js'
import type { DeadLetterPolicy } from '../../policy/rejection.js'
import { offsetNumber, type EnvelopeInfo } from '../../record/record.js'
import type { ReadingRule } from '../../record/rules.js'
import { RejectedShare, verdictOf } from '../../record/verdict.js'
import type { ConsumerHost } from './consumer.js'
import { deadLetter } from './dead-letter.js'
import { ENVELOPE } from './envelope-of.js'
import { checkLetterBox, type LetterBox } from './letter-box.js'
import { patiently, type Patience } from './patience.js'
import { publish } from './publish.js'

/** What a handler gets of a run of messages, and what ends it. */
export interface Opened {
  /** Opened messages in order; what the policy skips or sends to the dead letters is left out. */
  readonly messages: KafkaMessage[]
  /** The record that stops the consumer, behind `messages`, and why. */
  readonly stop: { readonly offset: string; readonly error: EnvelopeError } | undefined
}

/** A record that did not open, and what becomes of it. */
interface Rejected {
  readonly message: KafkaMessage
  readonly error: EnvelopeError
  readonly action: 'stop' | 'skip' | DeadLetterPolicy
}

type Sorted = Opened & { readonly rejected: readonly Rejected[] }

/** Opens messages for one run of a consumer and carries out what the policy says about those that do not open. */
export class Delivery {
  readonly #host: ConsumerHost
  readonly #stopping: AbortSignal
  readonly #groupId: () => string | undefined
  readonly #shares = new Map<ReadingRule, RejectedShare>()

  constructor(host: ConsumerHost, stopping: AbortSignal, groupId: () => string | undefined) {
    this.#host = host
    this.#stopping = stopping
    this.#groupId = groupId
  }

  /**
   * Dead letters are acknowledged when this resolves, before anything is delivered.
   *
   * @throws EnvelopeError without a cause, for KafkaJS to act on: retriable where a KMS or the topic for dead
   * letters fails for now and the wait is over, else not. What `heartbeat` rejects with.
   */
  async open(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    heartbeat: () => Promise<void>,
  ): Promise<Opened> {
    try {
      const rule = this.#host.rules.forReading(source.topic)
      checkLetterBox(rule, this.#host.deadLetters)
      const patience = this.#patience(source, heartbeat, rule)
      const results = await patiently(
        {
          run: trying(messages, (rest) => this.#host.opener.open(source, rest)),
          transientOf: (opened) => opened.find(({ error }) => error?.kind === 'transient')?.error,
        },
        patience,
      )
      const sorted = this.#sort(source, messages, results, rule)
      const carriedOut =
        rule === 'passthrough' || sorted.rejected.length === 0
          ? sorted
          : await this.#publish(source, sorted, patience)
      this.#host.opener.report(source.topic, results)
      this.#report(source, carriedOut.rejected, rule)
      return carriedOut
    } catch (error) {
      throw isEnvelopeError(error) ? (error.position ? error : error.at(source)).withoutCause() : error
    }
  }

  #patience(
    source: Required<Source>,
    heartbeat: () => Promise<void>,
    rule: ReadingRule | 'passthrough',
  ): Patience {
    return {
      heartbeat,
      stopping: this.#stopping,
      maxWaitMs: rule === 'passthrough' ? 0 : rule.read.kmsWaitMs,
      onWait: ({ code }, waitedMs) => {
        this.#host.events.emit('consumer.waiting', { ...source, code, waitedMs })
      },
    }
  }

  #sort(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    results: readonly OpenedRecord[],
    rule: ReadingRule | 'passthrough',
  ): Sorted {
    const opened: KafkaMessage[] = []
    const rejected: Rejected[] = []
    const count = rule === 'passthrough' ? () => false : this.#share(rule).of(source)
    for (const [i, message] of messages.entries()) {
      const { error, ...result } = results[i] as OpenedRecord & { error: EnvelopeError | undefined }
      const rejects = error !== undefined && error.kind !== 'transient'
      const tooMany = count(message.offset, rejects)
      if (error === undefined) {
        opened.push(withValue(message, result as OpenedRecord & { error?: undefined }))
        continue
      }
      const verdict = rule === 'passthrough' ? 'stop' : verdictOf(error, rule)
      const goesOn = verdict !== 'retry' && verdict !== 'stop'
      const action = goesOn && !tooMany ? verdict : 'stop'
      rejected.push({ message, error, action })
      if (action !== 'stop') continue
      const final = goesOn ? tooManyBad(error) : error
      const stop = { offset: message.offset, error: final.withoutCause() }
      return { messages: opened, rejected, stop }
    }
    return { messages: opened, rejected, stop: undefined }
  }

  /** A letter that is refused ends the messages before it. */
  async #publish(source: Required<Source>, sorted: Sorted, patience: Patience): Promise<Sorted> {
    const group = this.#groupId()
    let carriedOut = sorted
    for (const [topic, dead] of lettersByTopic(sorted.rejected)) {
      const letters = dead.map(({ message, error: { code } }) => {
        const { offset, timestamp } = message
        return deadLetter(message, { code, ...source, offset, timestamp, group })
      })
      const refusal = await publish(this.#host.deadLetters as LetterBox, topic, letters, patience)
      if (refusal === undefined) continue
      const refused = dead[refusal.index] as Rejected
      const { offset } = refused.message
      carriedOut = endedAt(refused, refusal.error.at({ ...source, offset }), carriedOut)
    }
    return carriedOut
  }

  #report(source: Required<Source>, rejected: readonly Rejected[], rule: ReadingRule | 'passthrough'): void {
    const named = rule === 'passthrough' ? {} : { rule: rule.name }
    for (const { message, error, action } of rejected) {
      const { code, kind } = error
      this.#host.events.emit('record.rejected', {
        ...named,
        code,
        kind,
        action: typeof action === 'object' ? 'deadLetter' : action,
        ...source,
        offset: message.offset,
      })
    }
  }

  #share(rule: ReadingRule): RejectedShare {
    let share = this.#shares.get(rule)
    if (share === undefined) this.#shares.set(rule, (share = new RejectedShare(rule.read.maxInvalidShare)))
    return share
  }
}

type Opening = (messages: readonly KafkaMessage[]) => OpenedRecord[] | Promise<OpenedRecord[]>

/**
 * Opens what is not decided yet, each time that it is called. What was decided is not asked of a KMS again: otherwise
 * a few forged envelopes would spend its budget at each attempt, and hold the others back for ever.
 */
function trying(
  messages: readonly KafkaMessage[],
  open: Opening,
): () => OpenedRecord[] | Promise<OpenedRecord[]> {
  let results: OpenedRecord[] | undefined
  const merged = (rest: readonly number[], opened: readonly OpenedRecord[]): OpenedRecord[] => {
    const all = results ?? []
    for (const [n, i] of rest.entries()) all[i] = opened[n] as OpenedRecord
    return (results = all)
  }
  return () => {
    const rest = [...messages.keys()].filter(
      (i) => results === undefined || results[i]?.error?.kind === 'transient',
    )
    const opening = open(rest.map((i) => messages[i] as KafkaMessage))
    return opening instanceof Promise ? opening.then((opened) => merged(rest, opened)) : merged(rest, opening)
  }
}

/** A copy: runtime messages carry more members than their type tells. */
function withValue(
  message: KafkaMessage,
  { value, envelope }: OpenedRecord & { error?: undefined },
): KafkaMessage {
  const opened: KafkaMessage & { [ENVELOPE]?: EnvelopeInfo } = { ...message, value }
  if (envelope !== undefined) opened[ENVELOPE] = envelope
  return opened
}

/** The letters for each topic, in order. */
function lettersByTopic(rejected: readonly Rejected[]): Map<string, Rejected[]> {
  const byTopic = new Map<string, Rejected[]>()
  for (const each of rejected) {
    if (typeof each.action !== 'object') continue
    const { deadLetter: topic } = each.action
    const letters = byTopic.get(topic)
    if (letters === undefined) byTopic.set(topic, [each])
    else letters.push(each)
  }
  return byTopic
}

/** What is left when a letter was refused: the messages before it, unless an earlier one ends them already. */
function endedAt(refused: Rejected, error: EnvelopeError, sorted: Sorted): Sorted {
  const end = sorted.rejected.indexOf(refused)
  if (end < 0) return sorted
  const { offset } = refused.message
  return {
    messages: sorted.messages.filter((message) => offsetNumber(message.offset) < offsetNumber(offset)),
    rejected: [...sorted.rejected.slice(0, end), { ...refused, action: 'stop' }],
    stop: { offset, error },
  }
}

function tooManyBad(last: EnvelopeError): EnvelopeError {
  return new EnvelopeError(
    'TOO_MANY_BAD_RECORDS',
    `too many of the last records were invalid or unreadable, the last one ${last.code}`,
    last.position ? { position: last.position } : {},
  )
}
