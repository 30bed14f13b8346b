import { isNativeError } from 'node:util/types'
import type { ErrorCode, FailureKind } from './errors.js'

/** The limits of a rotation policy. */
export type Limit = 'age' | 'messages' | 'bytes'

/**
 * Why a DEK stopped sealing. `replaced`: the next DEK replaced it during a grace. `grace`: the grace ended. `denied`:
 * the KMS denied this process, or the CMK is disabled or gone. The others are limits and calls by the application.
 */
export type RetireReason = Limit | 'replaced' | 'grace' | 'denied' | 'manual' | 'evicted' | 'closed'

/** Records that were sealed past a limit while the KMS was unavailable. */
export interface GraceUsage {
  readonly limit: Limit
  readonly messages: number
  /** Bytes of body. */
  readonly bytes: number
  /** From reaching the limit to the end of the grace. */
  readonly ms: number
}

/** Records of one topic. */
export interface BatchEvent {
  readonly rule: string
  readonly topic: string
  readonly messages: number
  /** Bytes of the application's values: before compression and sealing. */
  readonly bytes: number
}

/** A topic whose records are copied into another one, by a command for operators. */
export interface CopyEvent {
  /** `rewrap`: the same envelopes under other wrappings. `reseal`: the same values, sealed anew. */
  readonly by: 'rewrap' | 'reseal'
  readonly topic: string
  readonly target: string
  readonly groupId: string
  /** Only for `rewrap`: ids of the CMKs under which wrappings are added. */
  readonly added?: readonly string[]
  /** Only for `rewrap`: ids of CMKs, and of those whose wrappings take the place of theirs. */
  readonly replaced?: readonly { readonly from: string; readonly to: string }[]
  /** Only for `rewrap`: ids of the CMKs whose wrappings are removed. */
  readonly removed?: readonly string[]
}

/** Plaintext of one topic and partition that was delivered, because its rule still allows it. */
export interface PlaintextEvent extends BatchEvent {
  readonly partition: number
  /** Kafka offsets, decimal: of the first and the last of these records in the batch. */
  readonly firstOffset: string
  readonly lastOffset: string
  /** The offset from which on the rule refuses plaintext. */
  readonly untilOffset: string
}

/** A record that holds up a consumer. */
export interface Waiting {
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** The last failure. Before the first one: `KMS_TIMEOUT` or `DEAD_LETTER_FAILED`. */
  readonly code: ErrorCode
  /** The topic that has not acknowledged the dead letter, and why the record is one. Absent while waiting for a KMS. */
  readonly deadLetter?: { readonly topic: string; readonly code: ErrorCode }
  /** Total over all attempts. */
  readonly waitedMs: number
}

/** An override in the configuration, which lets one record pass that does not open. */
export interface ConfiguredOverride {
  readonly rule: string
  readonly topic: string
  readonly partition: number
  /** Kafka offset, decimal. */
  readonly offset: string
  /** The code with which the record has to fail. */
  readonly code: ErrorCode
  readonly action: 'skip' | 'deadLetter'
  /** The topic of the dead letter. */
  readonly deadLetter?: string
  /** As the configuration has it. */
  readonly until: string
  readonly by: string
  readonly why: string
  /** `expired`: it has no effect any more, and can be removed. */
  readonly state: 'active' | 'expired'
}

/** The payload of each event. No event contains key bytes or plaintext. */
export interface EncryptionEvents {
  /** The encryption started, with this engine: `native` if `kafka-envelope-native` is installed, else `node`. */
  'engine.chosen': { readonly engine: EngineName }
  /** A sealing session started, under a DEK created here or elsewhere (`origin`). */
  'dek.created': {
    readonly rule: string
    /** Only with `dekScope: 'topic'`. */
    readonly topic?: string
    /** The CMKs that can unwrap it. */
    readonly cmkIds: readonly string[]
    /** The other CMKs of the rule, which failed, and how; only with `sealUnder: 'any'`. */
    readonly missing?: readonly { readonly cmkId: string; readonly code: ErrorCode }[]
    /** 32 hex digits. */
    readonly sessionId: string
    /** `stored`: it was loaded from the `dekStore`. */
    readonly origin: DekOrigin
  }
  /** A DEK stopped sealing. */
  'dek.retired': {
    readonly rule: string
    readonly topic?: string
    readonly sessionId: string
    readonly reason: RetireReason
    readonly messages: number
    /** Bytes of body sealed. */
    readonly bytes: number
    readonly ageMs: number
    /** Only if it went on past a limit. */
    readonly grace?: GraceUsage
  }
  /** A DEK goes on sealing past a limit, because the KMS fails transiently and the rule allows a `grace`. */
  'dek.grace': {
    readonly rule: string
    readonly topic?: string
    readonly sessionId: string
    readonly limit: Limit
    /** The code with which the KMS failed. */
    readonly code: ErrorCode
    /** How long the grace lasts at most, counted from the limit. */
    readonly graceMs: number
  }
  /** A send waited for a DEK: it was the first send, or DEKs were used up faster than `prefetch` fetched them. */
  'dek.waited': {
    readonly rule: string
    readonly topic?: string
    readonly waitedMs: number
    readonly outcome: 'ok' | 'failed'
    /** The code with which it failed, if it did. */
    readonly code?: ErrorCode
  }
  /** The `dekStore` failed; sealing continues without it. */
  'dek.storeFailed': {
    readonly rule: string
    readonly topic?: string
    readonly operation: 'load' | 'save' | 'remove' | 'unwrap'
    /** The name of the error that was thrown, or one of our codes; never its message, which could quote anything. */
    readonly reason: string
  }
  /** Key material was destroyed. */
  'dek.destroyed': {
    readonly side: 'sealing' | 'opening'
    /** Only for `sealing`: `dek.retired` of this session says why. */
    readonly sessionId?: string
    readonly cmkId: string
  }
  /** All records of a batch that a rule seals are sealed; records that pass unchanged do not count. */
  'batch.sealed': BatchEvent
  /** A batch was opened; only sealed records that opened count. */
  'batch.opened': BatchEvent
  /** Values that were envelopes already are sent unchanged, because the rule has `passSealed`. `bytes` are theirs. */
  'sealed.passed': BatchEvent
  /** A batch contained plaintext that a rule still allows (`decrypt.plaintext`). Tombstones and passthrough do not count. */
  'plaintext.delivered': PlaintextEvent
  /** A call to a KMS ended; includes retries after transient failures and the wait for its turn. */
  'kms.call': {
    /** The name of the KMS in the configuration. */
    readonly kms: string
    readonly cmkId: string
    /** Only for `rewrap`: the CMK under which the service re-encrypts a ciphertext DEK of `cmkId`. */
    readonly toCmkId?: string
    readonly operation: KmsOperation
    readonly outcome: 'ok' | 'failed'
    readonly code?: ErrorCode
    readonly durationMs: number
  }
  /**
   * A record did not open; `action` says what was done with it. Transient failures are not rejections. `deadLetter`: the
   * dead-letter topic has acknowledged it. `replace`: a handler returned another value, which is delivered.
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
  /** The configuration has an override. Emitted once for each, when the encryption has started. */
  'override.configured': ConfiguredOverride
  /**
   * An override let a record pass: `record.rejected` of the same record says so too. A dead letter is acknowledged. A
   * record that is delivered again is counted again.
   */
  'override.used': ConfiguredOverride
  /**
   * A send did not say how to compress its batches. Of the `bytes` of its envelopes, `repeatedBytes` are heads that repeat,
   * which compression would remove. Emitted once for each producer, for the first send in which they are a quarter.
   */
  'send.uncompressed': {
    readonly topic: string
    readonly messages: number
    readonly bytes: number
    readonly repeatedBytes: number
  }
  /** Sealing pushed a send over `maxBatchBytes`, so it was split into several. */
  'send.split': { readonly topics: readonly string[]; readonly parts: number }
  /**
   * A partition waits for a KMS, or for a topic to accept a dead letter. Emitted about a second after its record was
   * read, or once an attempt has failed transiently, and then after each of its attempts and every ten seconds.
   */
  'consumer.waiting': Waiting
  /** This process begins to copy a topic, or goes on with a copy. */
  'copy.started': CopyEvent
  /** This process copies the topic no longer. Others may do so. */
  'copy.ended': CopyEvent & {
    readonly outcome: 'done' | 'failed' | 'interrupted'
    /** Why it failed, if that has a code. */
    readonly code?: string
    /** Records that this process has copied. */
    readonly messages: number
    /** Only for `rewrap`: those of them whose wrappings changed, and those whose could not be changed. */
    readonly rewrapped?: number
    readonly others?: number
  }
  /**
   * Lines could not be written to an audit log (`kafka-envelope/audit`), or someone else changed, moved or deleted its
   * file. Lines wait for the next attempt, as many as memory is set aside for.
   */
  'audit.failed': {
    readonly file: string
    /** The code of the error, such as `ENOSPC`; or how the file was found: `changed` or `missing`. */
    readonly reason: string
    /** Lines that wait. */
    readonly waiting: number
    /** Lines that were lost since lines could last be written. The log will say so itself. */
    readonly lost: number
  }
  /** A consumer stopped permanently: its process goes on without it until someone intervenes. */
  'consumer.stopped': {
    readonly groupId?: string
    readonly code: ErrorCode | undefined
    readonly message: string
    readonly topic?: string
    readonly partition?: number
    readonly offset?: string
  }
}

/** What seals and opens records: `node:crypto`, or `kafka-envelope-native`. */
export type EngineName = 'node' | 'native'
/** Where the DEK of a sealing session came from. */
export type DekOrigin = 'made' | 'stored' | 'provisioned'
export type KmsOperation =
  | 'describe'
  | 'generate'
  | 'wrap'
  | 'unwrap'
  | 'rewrap'
  | 'verify'
  /** Of a secret. */
  | 'encrypt'
  | 'decrypt'
export type EventName = keyof EncryptionEvents
/** May be async; the result is not awaited, and a rejection is reported as a warning. */
export type EventListener<N extends EventName> = (event: EncryptionEvents[N]) => unknown

/** Calls listeners synchronously and in order. */
export class EventHub {
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>()

  /** Adds a listener; returns a function that removes it. */
  on<N extends EventName>(name: N, listener: EventListener<N>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  /** Whether there is a listener. If not, callers skip the work that only listeners need. */
  has(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** A listener that throws or rejects is reported as a warning: a bug in metrics must not stop sealing. */
  emit<N extends EventName>(name: N, event: EncryptionEvents[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      harmless(`a listener of '${name}'`, () => (listener as EventListener<N>)(event))
    }
  }
}

/**
 * Runs one of the application's observers, whose failure must not affect anything else. If it throws, or returns a promise
 * that rejects, a warning reports only the name of the error: its message could quote anything.
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

/** The only part of a foreign error that is safe to repeat. */
export function nameOfThrown(error: unknown): string {
  return isNativeError(error) ? error.name : typeof error
}
