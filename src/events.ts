import type { ErrorCode, FailureKind } from './errors.js'

/** Why a DEK stopped sealing. */
export type RetireReason = 'age' | 'messages' | 'bytes' | 'manual' | 'forgotten' | 'closed'

/** What each event carries. No event carries key bytes or plaintext. */
export interface EncryptionEvents {
  /** A DEK was made and wrapped, and a sealing session opened under it. */
  'dek.created': {
    readonly rule: string
    /** Only with `dekScope: 'topic'`. */
    readonly topic?: string
    readonly cmkIds: readonly string[]
    /** 32 hex digits. */
    readonly sessionId: string
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
  }
  /** Key material was given up for good. */
  'dek.destroyed': { readonly side: 'sealing' | 'opening'; readonly cmkId: string }
  /** One call to a KMS ended. */
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
   * A record was not delivered for what it is; transient failures are no rejections. `deadLetter`: the topic for
   * dead letters has acknowledged it.
   */
  'record.rejected': {
    readonly code: ErrorCode
    readonly kind: FailureKind | undefined
    readonly action: 'stop' | 'skip' | 'deadLetter'
    readonly topic: string
    readonly partition?: number
    readonly offset?: string
  }
  /** Sealing took a send past `maxBatchBytes`, so it went out as several. */
  'send.split': { readonly topics: readonly string[]; readonly parts: number }
  /** A consumer waits in place for a KMS, or for a topic for dead letters, that fails for now. */
  'consumer.waiting': {
    readonly topic: string
    readonly partition: number
    readonly code: ErrorCode
    readonly waitedMs: number
  }
  /** A consumer stopped for good: its process lives on without it until someone acts. */
  fatal: {
    readonly groupId?: string
    readonly code: ErrorCode | undefined
    readonly message: string
    readonly topic?: string
    readonly partition?: number
    readonly offset?: string
  }
}

export type KmsOperation = 'describe' | 'generate' | 'wrap' | 'unwrap' | 'verify'
export type EventName = keyof EncryptionEvents
export type EventListener<N extends EventName> = (event: EncryptionEvents[N]) => void

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

  /** A listener that throws harms nobody: a bug in metrics must not stop sealing. It is reported as a warning. */
  emit<N extends EventName>(name: N, event: EncryptionEvents[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as EventListener<N>)(event)
      } catch (error) {
        const what = error instanceof Error ? error.name : typeof error
        process.emitWarning(`a listener of '${name}' threw ${what}`, 'KafkaEnvelopeWarning')
      }
    }
  }
}
