import type { DecryptRule, EncryptionConfig, TopicRule } from '../../../src/index.js'
import type { TencentKmsOptions } from '../../../src/kms/tencent/index.js'

/** What a process is told at its start, as JSON. */
export interface Setup {
  readonly name: string
  readonly brokers: readonly string[]
  readonly ledger: string
  readonly encryption: EncryptionSetup
  /** How long KafkaJS waits for an answer of the broker; its default is 30 s. */
  readonly requestTimeoutMs?: number
}

/** A configuration without what only code can provide. */
export interface EncryptionSetup extends Omit<
  EncryptionConfig,
  'kms' | 'dekStore' | 'topics' | 'dictionaries'
> {
  /** KMS clients by name: options of `tencentKms`, or a keyring of `localKms`. */
  readonly kms: Readonly<Record<string, TencentKmsOptions | { readonly keyring: string }>>
  readonly topics: readonly TopicRule[]
}

export interface ProducerSetup extends Setup {
  readonly topic: string
  /** Where all records go; by their keys if absent. */
  readonly partition?: number
  /** Records are spread over as many keys. */
  readonly keys: number
  /** Records in a send. */
  readonly batch: number
  /** Records in all; if absent, until the process is told to finish. */
  readonly count?: number
  /** After as many it waits until it is told to continue. */
  readonly pausesAt?: number
  /** Between two sends. */
  readonly pauseMs: number
  readonly valueBytes?: number
  readonly idempotent?: boolean
  /** Records that no consumer must deliver, put into each send. */
  readonly poison?: PoisonSetup
}

export interface PoisonSetup {
  /** Where in a send they stand. */
  readonly at: 'beginning' | 'middle' | 'end'
  readonly kinds: readonly PoisonKind[]
}

/**
 * Invalid: `plaintext`, a value that was not sealed; `tampered`, `cut`: an envelope with a bit flipped, or without its
 * end. Unreadable: `unknown`, an envelope of a format that no reader knows yet.
 */
export type PoisonKind = 'plaintext' | 'tampered' | 'cut' | 'unknown'

export interface ForgerSetup extends Setup {
  readonly topic: string
  readonly count: number
}

export interface ConsumerSetup extends Setup {
  readonly group: string
  readonly topics: readonly string[]
  readonly handler: 'eachMessage' | 'eachBatch'
  readonly concurrency: number
  /** For each record, or batch. */
  readonly handleMs: number
  readonly sessionTimeoutMs: number
  /** If dead letters go to another cluster. */
  readonly deadLetterBrokers?: readonly string[]
  /** What a handler of the policies decides: values of a decrypt rule that are functions. */
  readonly decides?: 'skip' | 'stop' | 'replace' | { readonly deadLetter: string }
  /** Whether it is run again after it stopped, as a supervisor would. */
  readonly isSupervised: boolean
}

/** The program of docs/recipes.md that reads, writes and commits exactly once. */
export interface RecipeSetup extends Setup {
  /** Where the program is written. */
  readonly folder: string
  readonly from: string
  readonly to: string
  /** Between the send of offsets and the commit. */
  readonly commitDelayMs: number
}

/** What happens at the next commit of the recipe: an abort instead of it, or SIGKILL before or after it. */
export type Breaks = 'abort' | 'crash before commit' | 'crash after commit'

/** The rule of a decrypt setup, as far as JSON can say it. */
export type DecryptSetup = Omit<DecryptRule, 'onInvalid' | 'onUnreadable'> & {
  readonly onInvalid?: 'stop' | 'skip' | { readonly deadLetter: string }
  readonly onUnreadable?: 'stop' | { readonly deadLetter: string }
}

/** What a process tells: events of the encryption and of KafkaJS, and what it was asked for. */
export interface Told {
  readonly what: string
  readonly details: Readonly<Record<string, unknown>>
}

/** What a process can be asked for while it runs. */
export type Asked = 'continue' | 'finish' | 'end' | 'memory' | 'counts' | Breaks

/** A process may also be told to step its wall clock. */
export interface ClockStep {
  /** Negative to set it back. */
  readonly stepClockMs: number
}

export interface Memory {
  /** After a forced collection. */
  readonly heapBytes: number
  readonly residentBytes: number
  /** Timers, sockets and other things that are open. */
  readonly handles: number
}
