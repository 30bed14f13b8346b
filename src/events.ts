import { isNativeError } from 'node:util/types'
import type { ErrorCode, FailureKind } from './errors.js'

/** The limits of a rotation policy. */
export type Limit = 'age' | 'messages' | 'bytes'

/**
 * Why a DEK stopped sealing. `replaced`: by the next one, in a grace. `grace`: the grace was over. `denied`: the KMS
 * denied this process, or the CMK is disabled or gone. The others are limits and calls of the application.
 */
export type RetireReason = Limit | 'replaced' | 'grace' | 'denied' | 'manual' | 'evicted' | 'closed'

/** What was sealed past a limit while the KMS was away. */
export interface GraceUsage {
  readonly limit: Limit
  readonly messages: number
  /** Bytes of body. */
  readonly bytes: number
  /** From the limit to the end. */
  readonly ms: number
}

/** Records of one topic. */
export interface BatchEvent {
  readonly rule: string
  readonly topic: string
  readonly messages: number
  /** Bytes of values as the application has them: before sealing and compression. */
  readonly bytes: number
}

/** A record that a consumer waits with. */
export interface Waiting {
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** The last failure. Before the first one: `KMS_TIMEOUT` or `DEAD_LETTER_FAILED`. */
  readonly code: ErrorCode
  /** The topic that has not acknowledged the record as a dead letter, and why it is one. Absent in a wait for a KMS. */
  readonly deadLetter?: { readonly topic: string; readonly code: ErrorCode }
  /** Over all attempts. */
  readonly waitedMs: number
}

/** What each event carries. No event carries key bytes or plaintext. */
export interface EncryptionEvents {
  /** A sealing session was opened, under a DEK that was made here or elsewhere (`origin`). */
  'dek.created': {
    readonly rule: string
    /** Only with `dekScope: 'topic'`. */
    readonly topic?: string
    readonly cmkIds: readonly string[]
    /** 32 hex digits. */
    readonly sessionId: string
    /** `stored`: another process made it and left it in the `dekStore`. */
    readonly origin: DekOrigin
  }
  /** A DEK seals no more. */
  'dek.retired': {
    readonly rule: string
    readonly topic?: string
    readonly sessionId: string
    readonly reason: RetireReason
    readonly messages: number
    /** Bytes of body sealed. */
    readonly bytes: number
    readonly ageMs: number
    /** Only where it went on past a limit. */
    readonly grace?: GraceUsage
  }
  /** A DEK goes on past a limit, because the KMS fails transiently and the policy grants it. */
  'dek.grace': {
    readonly rule: string
    readonly topic?: string
    readonly sessionId: string
    readonly limit: Limit
    /** What the KMS failed with. */
    readonly code: ErrorCode
    /** How long after the limit it ends at the latest. */
    readonly graceMs: number
  }
  /** A send waited for a DEK: the rotation policy outran `prefetch`, or it was the first. */
  'dek.waited': {
    readonly rule: string
    readonly topic?: string
    readonly waitedMs: number
    readonly outcome: 'ok' | 'failed'
    /** Why it failed. */
    readonly code?: ErrorCode
  }
  /** The `dekStore` failed; sealing goes on without it. */
  'dek.storeFailed': {
    readonly rule: string
    readonly topic?: string
    readonly operation: 'load' | 'save' | 'remove' | 'unwrap'
    /** The name of what was thrown, or a code of ours; never its message, which could quote anything. */
    readonly reason: string
  }
  /** Key material was given up for good. */
  'dek.destroyed': { readonly side: 'sealing' | 'opening'; readonly cmkId: string }
  /** All records of a batch that a rule seals are sealed; what passes as it is does not count. */
  'batch.sealed': BatchEvent
  /** A batch was opened; only records that were sealed, and did open, count. */
  'batch.opened': BatchEvent
  /** A call to a KMS ended, attempts after transient failures and the wait for its turn included. */
  'kms.call': {
    /** The name of the KMS in the configuration. */
    readonly kms: string
    readonly cmkId: string
    readonly operation: KmsOperation
    readonly outcome: 'ok' | 'failed'
    readonly code?: ErrorCode
    readonly durationMs: number
  }
  /**
   * A record did not open, and what was done about it; transient failures are not rejections. `deadLetter`: the topic for
   * dead letters has acknowledged it. `replace`: a handler gave another value, which is delivered.
   */
  'record.rejected': {
    readonly rule?: string
    readonly code: ErrorCode
    readonly kind: FailureKind | undefined
    readonly action: 'stop' | 'skip' | 'deadLetter' | 'replace'
    readonly topic: string
    readonly partition?: number
    readonly offset?: string
  }
  /** Sealing took a send past `maxBatchBytes`, so it went out as several. */
  'send.split': { readonly topics: readonly string[]; readonly parts: number }
  /**
   * A consumer waits in place for a KMS, or for a topic to take a dead letter: after each attempt that failed
   * transiently, and while one takes longer than a second.
   */
  'consumer.waiting': Waiting
  /** A consumer stopped for good: its process lives on without it until someone acts. */
  'consumer.stopped': {
    readonly groupId?: string
    readonly code: ErrorCode | undefined
    readonly message: string
    readonly topic?: string
    readonly partition?: number
    readonly offset?: string
  }
}

/** Where the DEK of a sealing session came from. */
export type DekOrigin = 'made' | 'stored' | 'provisioned'
export type KmsOperation = 'describe' | 'generate' | 'wrap' | 'unwrap' | 'verify'
export type EventName = keyof EncryptionEvents
/** May be async: nothing waits for it, and a rejection is reported as a warning. */
export type EventListener<N extends EventName> = (event: EncryptionEvents[N]) => unknown

/** Gives events to listeners, synchronously and in order. */
export class EventHub {
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>()

  /** Adds a listener; returns what removes it. */
  on<N extends EventName>(name: N, listener: EventListener<N>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  /** Whether anybody listens: what only listeners need is not worked out for nobody. */
  has(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** A listener that throws or rejects harms nobody: a bug in metrics must not stop sealing. It is reported as a warning. */
  emit<N extends EventName>(name: N, event: EncryptionEvents[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      harmless(`a listener of '${name}'`, () => (listener as EventListener<N>)(event))
    }
  }
}

/**
 * Runs a callback of the application's whose failure is a bug in what it observes with, and must change nothing else. One
 * that throws, or returns a promise that rejects, is reported as a warning with the name of the error alone: its message
 * could quote anything.
 */
export function harmless(what: string, run: () => unknown): void {
  const report = (did: string, error: unknown): void => {
    process.emitWarning(`${what} ${did} ${nameOfThrown(error)}`, 'KafkaEnvelopeWarning')
  }
  try {
    const result = run()
    if (!isThenable(result)) return
    result.then(undefined, (error: unknown) => {
      report('rejected with', error)
    })
  } catch (error) {
    report('threw', error)
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** All that may be repeated of what foreign code threw. */
export function nameOfThrown(error: unknown): string {
  return isNativeError(error) ? error.name : typeof error
}
