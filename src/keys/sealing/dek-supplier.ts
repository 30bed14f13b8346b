import type { Suite } from '../../crypto/suites.js'
import type { DekOrigin } from '../../events.js'
import type { CmkSet } from '../../kms/cmk-set.js'
import type { NewDek } from '../../kms/cmk.js'
import type { CheckedEncryptRule } from '../../config/checked.js'

/** What a DEK is made for. */
export interface SealingScope {
  readonly rule: string
  /** Only with `dekScope: 'topic'`. */
  readonly topic: string | undefined
  readonly encrypt: CheckedEncryptRule
  readonly cmks: CmkSet
  /** By which its records are sealed. */
  readonly suite: Suite
}

/** A DEK for a sealing session. */
export interface SuppliedDek extends NewDek {
  readonly origin: DekOrigin
  /** How long ago it was made, by whichever process. */
  readonly ageMs: number
}

/** Where the DEKs of one scope come from. */
export interface DekSupplier {
  /**
   * Rejects when `signal` is aborted, and wipes what arrives after that.
   * @throws EnvelopeError what the KMS fails with; DEK_EXHAUSTED or CONFIG_INVALID for a provisioned DEK
   */
  next(signal: AbortSignal): Promise<SuppliedDek>
  /** The current DEK has reached a limit. */
  exhausted(): void
  /** The DEK was ended before its time: nothing may be sealed under it again, and the next one is a new one. */
  revoke(): void
  /** Resolves when a store has what it should keep, or has taken too long. */
  settled(): Promise<void>
}
