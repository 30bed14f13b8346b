import type { Clock } from '../clock.js'
import { configError } from '../errors.js'
import type { EncryptionEvents, EventHub, Waiting } from '../events.js'
import { VERSION } from '../version.js'
import type { Cmk } from '../kms/cmk.js'
import type { Opener } from './opener.js'
import { describe } from './record.js'
import type { Sealer } from './sealer.js'
import type { TopicRules } from './topic-rules.js'

/** The internals of an object that `createEncryption` made, for the other entries of this package only. */
export interface Internals {
  readonly rules: TopicRules
  /** All CMKs of the configuration, by their names in it. */
  readonly cmks: ReadonlyMap<string, readonly Cmk[]>
  readonly sealer: Sealer
  readonly opener: Opener
  readonly clock: Clock
  readonly events: EventHub
  /** The consumers that run or have stopped permanently. A client removes one when it is disconnected. */
  readonly consumers: Set<ActiveConsumer>
}

/** The part of a consumer, of any client, that an encryption uses. */
export interface ActiveConsumer {
  /**
   * Why it stopped permanently, until it is run again or disconnected. A client that stops single partitions has an entry
   * for each.
   */
  readonly stopped: () => readonly ConsumerStopped[]
  /** The records that hold it up. */
  readonly waiting: () => readonly Waiting[]
  /** Ends its waits, because the encryption is closed. */
  readonly endWaits: () => void
}

/** Why a consumer stopped permanently. */
export type ConsumerStopped = EncryptionEvents['consumer.stopped']

/** Registered globally: an application may load the package twice, as ESM and as CommonJS. */
const INTERNALS = Symbol.for('kafka-envelope.internals')

/** Belongs to one copy of the package. Another release may expect different internals. */
interface Versioned {
  readonly version: string
  readonly internals: Internals
}

/** Puts the internals into an encryption. Not enumerable: neither a copy nor a log shows them. */
export function withInternals<T extends object>(encryption: T, internals: Internals): T {
  const value: Versioned = { version: VERSION, internals }
  return Object.defineProperty(encryption, INTERNALS, { value })
}

/**
 * The internals of an encryption.
 * @param call names the caller in the error, for example `sealRecords`
 * @throws EnvelopeError CONFIG_INVALID if the `createEncryption` of this version did not make it
 */
export function internalsOf(encryption: object, call: string): Internals {
  const found = (encryption as { readonly [INTERNALS]?: Versioned } | null | undefined)?.[INTERNALS]
  if (found?.version === VERSION) return found.internals
  const message =
    found === undefined
      ? `expected the object that createEncryption() resolves to, got ${describeOther(encryption)}`
      : `created by kafka-envelope ${found.version}, but this is ${VERSION}: install only one version`
  throw configError([{ path: `${call}(…, encryption)`, message }], { subject: 'the call' })
}

function describeOther(given: unknown): string {
  return given instanceof Promise ? 'a Promise: await it' : describe(given)
}
