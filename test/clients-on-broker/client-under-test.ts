import type { Encryption } from '../../src/index.js'

/** What a law may need and not every client has. `docs/clients.md` has a row for each, which a test compares. */
export const ABILITIES = [
  'batches',
  'concurrency',
  'empty values',
  'other partitions',
  'pause',
  'seek',
  'send to several topics',
  'several values of a header',
] as const
export type Ability = (typeof ABILITIES)[number]

/** A Kafka client in terms that all of them share. Everything exists plain and wrapped: without and with an encryption. */
export interface ClientUnderTest {
  readonly name: string
  /** What it cannot do, each with the reason as the table in `docs/clients.md` has it. */
  readonly cannot: Readonly<Partial<Record<Ability, string>>>
  /** A message as this client's `send` takes it. Buffers in it are those of the record, not copies. */
  native(topic: string, record: Sent): object
  writer(encryption?: Encryption, transactionalId?: string): Promise<Writer>
  read(options: ReadOptions, encryption?: Encryption): Promise<Reader>
}

/** A record as an application sends it. */
export interface Sent {
  readonly key?: string | Buffer | null
  readonly value: string | Buffer | null
  readonly headers?: Readonly<Record<string, string | Buffer | (string | Buffer)[]>>
  readonly partition?: number
}

export interface Position {
  readonly topic: string
  readonly partition: number
  /** Decimal. */
  readonly offset: string
}

/** A record as an application gets it. */
export interface Received extends Position {
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The code of a record that did not open and has another value now (`envelopeOf(…).replaced`). */
  readonly replaced?: string | undefined
  /** All values of each name, as text. */
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** One call of a client's producer: some have a form for several topics. */
export type Sends = readonly { readonly topic: string; readonly records: readonly Sent[] }[]

export interface Writer {
  send(...sends: Sends): Promise<void>
  /** What the client gets are this list and these messages. */
  sendNative(topic: string, messages: object[]): Promise<void>
  transaction(): Promise<Transaction>
  /** As the application ends its producer. */
  close(): Promise<void>
}

export interface Transaction {
  send(...sends: Sends): Promise<void>
  /** @param after the last record of each partition that the transaction has handled */
  sendOffsets(reader: Reader, after: readonly Received[]): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
}

/** How a handler gets records: one at a time, or as many of a partition as the client has at hand. */
export const KINDS = ['each', 'batch'] as const
export type Kind = (typeof KINDS)[number]

export interface ReadOptions {
  readonly group: string
  readonly topics: readonly string[]
  /** Default `each`. */
  readonly kind?: Kind
  /** `handled`: what the handler has returned from is committed, by client or adapter. `never` leaves it to the test. Default `handled`. */
  readonly commits?: 'handled' | 'never'
  /** Partitions at the same time. Default 1. */
  readonly concurrency?: number
  handle(records: readonly Received[]): Promise<void> | void
}

/** A running consumer. A group without offsets reads from the beginning. */
export interface Reader {
  readonly group: string
  /** Commits a position as an application does: the offset that is read next. */
  commit(next: Position): Promise<void>
  seek(next: Position): void
  pause(at: Omit<Position, 'offset'>): void
  resume(at: Omit<Position, 'offset'>): void
  /** What an application does after a stop, once the cause is removed. */
  again(stop: Omit<Position, 'offset'>): Promise<void>
  /** As the application ends its consumer. */
  close(): Promise<void>
}
