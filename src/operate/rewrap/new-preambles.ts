import type { KafkaMessage } from 'kafkajs'
import type { Format, Preamble } from '../../envelope/format.js'
import { isEnvelopeError } from '../../errors.js'
import { CmkSet } from '../../kms/cmk-set.js'
import type { Cmk } from '../../kms/cmk.js'
import { Examiner } from '../../record/examiner.js'
import type { Opener } from '../../record/opener.js'
import { checkWithKey } from '../../record/order-of-checks.js'
import type { AcceptedPreamble } from '../../record/preamble-judge.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { NotRewrapped } from './not-rewrapped.js'
import type { Patience } from '../patience.js'
import type { Proof, WrappingPlan } from './plan-wrappings.js'
import { RewrappedDeks, type DekToRewrap } from './rewrapped-deks.js'

export type SealedMessage = KafkaMessage & { readonly value: Buffer }

/** An envelope whose wrappings have to change. */
export interface ToRewrap {
  readonly record: SealedMessage
  readonly format: Format
  readonly preamble: Preamble
  readonly plan: WrappingPlan
}

export interface NewPreamblesOptions {
  readonly topic: string
  /** The rule of the topic. */
  readonly rule: ReadingRule
  /** Opens new envelopes before anything is written; undefined if they need not be tried. */
  readonly opener: Opener | undefined
  readonly patience: Patience
  /** Ends calls to KMSs. */
  readonly signal: AbortSignal
}

const MAX_DEKS = 10_000

/**
 * Makes the preambles of envelopes with other wrappings.
 *
 * An envelope proves nothing about itself. If any one were rewrapped, someone who can write to the topic could have the
 * DEK of other records put under a CMK that he may use, or the wrapping of a public key turned into one that all readers
 * accept. So a DEK gets new wrappings only with an envelope that a consumer of the topic would accept, and that opens
 * with them.
 */
export class NewPreambles {
  readonly #options: NewPreamblesOptions
  readonly #examiner: Examiner
  readonly #deks: RewrappedDeks

  constructor(options: NewPreamblesOptions) {
    this.#options = options
    this.#examiner = new Examiner(options.rule, options.topic)
    this.#deks = new RewrappedDeks(MAX_DEKS, options.signal)
  }

  /** How many DEKs have new wrappings. */
  get deks(): number {
    return this.#deks.made
  }

  /**
   * The new preamble of an envelope. Waits for KMSs that fail transiently.
   * @throws NotRewrapped; EnvelopeError with the place of the record, if a KMS refuses finally
   */
  async make(partition: number, envelope: ToRewrap): Promise<Buffer> {
    const { topic, patience, signal } = this.#options
    const accepted = this.#accepted(partition, envelope)
    try {
      return await patience.repeat(async () => {
        try {
          return await this.#attempt(partition, envelope, accepted)
        } catch (error) {
          // One wrong answer of a KMS must not condemn a record.
          if (!blamesDek(error)) throw error
          return await this.#attempt(partition, envelope, accepted)
        }
      }, signal)
    } catch (error) {
      if (!isEnvelopeError(error)) throw error
      // The second: a consumer would not accept what is left.
      if (error.kind === 'invalid' || error.code === 'NO_CANDIDATE') throw NotRewrapped.because(error)
      throw error.at({ topic, partition, offset: envelope.record.offset })
    }
  }

  /** @throws NotRewrapped if a consumer of the topic would refuse the envelope without asking a KMS */
  #accepted(partition: number, { record }: ToRewrap): AcceptedPreamble {
    const examined = this.#examiner.examine(record, partition)
    if ('preamble' in examined) return examined.preamble
    throw examined.error === undefined
      ? new TypeError('a sealed value was taken for plaintext')
      : NotRewrapped.because(examined.error)
  }

  async #attempt(partition: number, envelope: ToRewrap, { request }: AcceptedPreamble): Promise<Buffer> {
    const { format, preamble, plan } = envelope
    const dek: DekToRewrap = {
      wrappedDeks: preamble.wrappedDeks,
      wrappings: plan.wrappings,
      context: request.context,
      cmks: request.cmks,
      candidates: request.candidates,
    }
    const rewrapped = this.#deks.get(dek)
    const bytes = format.encodePreamble(await rewrapped.wrappings, preamble.headerBytes)
    if (this.#options.opener === undefined || rewrapped.isProven) return bytes
    try {
      for (const proof of plan.proofs) await this.#prove(proof, partition, envelope, bytes)
      rewrapped.isProven = true
      return bytes
    } catch (error) {
      if (blamesDek(error)) this.#deks.forget(dek, rewrapped)
      throw error
    }
  }

  /** Opens the new envelope as consumers will who have these CMKs alone. @throws NotRewrapped; EnvelopeError */
  async #prove(
    proof: Proof,
    partition: number,
    { record, preamble }: ToRewrap,
    bytes: Buffer,
  ): Promise<void> {
    const { topic, rule, opener } = this.#options
    const [first, ...others] = proof.cmks
    if (first === undefined) throw unprovable()
    const value = Buffer.concat([bytes, record.value.subarray(preamble.bytes.length)])
    const { error } = (await opener?.openUnder(
      ruleOf(rule, [first, ...others], proof),
      { topic, partition },
      {
        ...record,
        value,
      },
    )) ?? { error: undefined }
    if (error !== undefined) throw error
  }
}

/** Its name is another one: what is cached for it must not serve consumers. */
function ruleOf(rule: ReadingRule, cmks: readonly [Cmk, ...Cmk[]], { isAsked }: Proof): ReadingRule {
  const { name, decrypt } = rule
  return {
    ...rule,
    name: `${name}, rewrapped`,
    decrypt: { ...decrypt, acceptPublicKeySealing: decrypt.acceptPublicKeySealing || isAsked },
    cmks: CmkSet.forOpening(cmks),
  }
}

/** Whether an envelope was refused because of its DEK, and not because of its body. */
function blamesDek(error: unknown): boolean {
  if (!isEnvelopeError(error) || error.kind !== 'invalid') return false
  return ['unwrapping', 'commitment'].includes(checkWithKey(error.code))
}

function unprovable(): NotRewrapped {
  return new NotRewrapped(
    'NO_CANDIDATE',
    'the configuration has no CMK of the wrappings that would be left, so that nothing shows that they open the record',
    'Add one of these CMKs to `cmks` of the configuration',
  )
}
