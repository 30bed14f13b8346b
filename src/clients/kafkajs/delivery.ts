import type { KafkaMessage } from 'kafkajs'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { OpenedRecord, Source } from '../../record/opener.js'
import type { EnvelopeInfo } from '../../record/record.js'
import type { ReadingRule } from '../../record/rules.js'
import { InvalidShare, verdictOf } from '../../record/verdict.js'
import type { ConsumerHost } from './consumer.js'
import { ENVELOPE } from './envelope-of.js'
import { openPatiently } from './patience.js'

/** What a handler gets of a run of messages, and what ends it. */
export interface Opened {
  /** Opened messages in order; what the policy skips is left out. */
  readonly messages: KafkaMessage[]
  /** The record that stops the consumer, behind `messages`, and why. */
  readonly stop: { readonly offset: string; readonly error: EnvelopeError } | undefined
}

/** Opens messages for one run of a consumer and carries out what the policy says about those that do not open. */
export class Delivery {
  readonly #host: ConsumerHost
  readonly #stopping: AbortSignal
  readonly #shares = new Map<ReadingRule, InvalidShare>()

  constructor(host: ConsumerHost, stopping: AbortSignal) {
    this.#host = host
    this.#stopping = stopping
  }

  /**
   * @throws EnvelopeError without a cause, for KafkaJS to act on: retriable where a KMS fails for now and the
   * wait is over, else not. What `heartbeat` rejects with.
   */
  async open(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    heartbeat: () => Promise<void>,
  ): Promise<Opened> {
    try {
      const rule = this.#host.rules.forReading(source.topic)
      const results = await this.#results(source, messages, heartbeat, rule)
      this.#host.opener.report(source.topic, results)
      return this.#sort(source, messages, results, rule)
    } catch (error) {
      throw isEnvelopeError(error) ? (error.position ? error : error.at(source)).withoutCause() : error
    }
  }

  async #results(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    heartbeat: () => Promise<void>,
    rule: ReadingRule | 'passthrough',
  ): Promise<OpenedRecord[]> {
    return openPatiently(() => this.#host.opener.open(source, messages), {
      heartbeat,
      stopping: this.#stopping,
      maxWaitMs: rule === 'passthrough' ? 0 : rule.read.kmsWaitMs,
      onWait: ({ code }, waitedMs) => {
        this.#host.events.emit('consumer.waiting', { ...source, code, waitedMs })
      },
    })
  }

  #sort(
    source: Required<Source>,
    messages: readonly KafkaMessage[],
    results: readonly OpenedRecord[],
    rule: ReadingRule | 'passthrough',
  ): Opened {
    const opened: KafkaMessage[] = []
    for (const [i, message] of messages.entries()) {
      const { error, ...result } = results[i] as OpenedRecord & { error: EnvelopeError | undefined }
      const tooMany = rule !== 'passthrough' && this.#share(rule).exceededBy(error?.kind === 'invalid')
      if (error === undefined) {
        opened.push(withValue(message, result as OpenedRecord & { error?: undefined }))
        continue
      }
      const skip = rule !== 'passthrough' && verdictOf(error, rule) === 'skip' && !tooMany
      this.#host.events.emit('record.rejected', {
        ...(rule === 'passthrough' ? {} : { rule: rule.name }),
        code: error.code,
        kind: error.kind,
        action: skip ? 'skip' : 'stop',
        ...source,
        offset: message.offset,
      })
      if (skip) continue
      const final = tooMany && error.kind === 'invalid' ? tooManyBad(error) : error
      return { messages: opened, stop: { offset: message.offset, error: final.withoutCause() } }
    }
    return { messages: opened, stop: undefined }
  }

  #share(rule: ReadingRule): InvalidShare {
    let share = this.#shares.get(rule)
    if (share === undefined) this.#shares.set(rule, (share = new InvalidShare(rule.read.maxInvalidShare)))
    return share
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

function tooManyBad(last: EnvelopeError): EnvelopeError {
  return new EnvelopeError(
    'TOO_MANY_BAD_RECORDS',
    `too many of the last records were invalid, the last one ${last.code}`,
    last.position ? { position: last.position } : {},
  )
}
