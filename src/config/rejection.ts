import type { AnyEnvelopeError } from '../errors.js'

/* The part of a rule about records that do not open. */

/** A topic for dead letters. */
export interface DeadLetterPolicy {
  /**
   * Sends the record to this topic unchanged, at least once, and continues once the broker has acknowledged it. An exact
   * topic name. The dead letters of that topic must not be sent back here.
   */
  readonly deadLetter: string
}

/** Delivers another value instead of the record's. Key and headers stay the same; `envelopeOf(message).replaced` is set. */
export interface Replacement {
  readonly value: Buffer | null
}

export type InvalidPolicy = 'stop' | 'skip' | DeadLetterPolicy | RejectionHandler
export type UnreadablePolicy = 'stop' | DeadLetterPolicy | RejectionHandler

/**
 * Decides about each record that does not open: in order, one at a time, before any later record is delivered. It is
 * called again if a record is delivered again. If it throws, or returns anything else, the consumer stops with
 * REJECTION_HANDLER_FAILED.
 */
export type RejectionHandler = (
  record: SealedMessage,
  error: AnyEnvelopeError,
) => RejectionAnswer | Promise<RejectionAnswer>

export type RejectionAnswer = 'stop' | 'skip' | DeadLetterPolicy | Replacement

/**
 * A record that did not open, as stored on the broker. It is not authenticated: treat it as untrusted input. Its bytes are
 * copies; a dead letter always has the record's own bytes.
 */
export interface SealedMessage {
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** In ms since 1970, decimal. Records of message format 0 have none. */
  readonly timestamp: string | undefined
  readonly key: Buffer | null
  readonly headers: Readonly<
    Record<string, Buffer | string | null | readonly (Buffer | string | null)[] | undefined>
  >
  readonly value: Buffer | null
}

/** The members of a decrypt rule that decide about such records. */
export const REJECTION_POLICIES = ['onInvalid', 'onUnreadable'] as const

interface Rejections {
  readonly onInvalid: InvalidPolicy
  readonly onUnreadable: UnreadablePolicy
}

/** The dead-letter topics that a rule names. Topics that a function returns are not known. */
export function deadLetterTopics(decrypt: Rejections): string[] {
  return REJECTION_POLICIES.flatMap((member) => {
    const policy = decrypt[member]
    return typeof policy === 'object' ? [policy.deadLetter] : []
  })
}

/** Whether a rule may send a record to a dead-letter topic. */
export function mayHaveDeadLetters(decrypt: Rejections): boolean {
  return REJECTION_POLICIES.some((member) => typeof decrypt[member] !== 'string')
}
