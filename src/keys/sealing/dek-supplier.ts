import type { Suite } from '../../crypto/suites.js'
import type { DekOrigin } from '../../events.js'
import type { CmkSet } from '../../kms/cmk-set.js'
import type { NewDek } from '../../kms/cmk.js'
import type { CheckedEncryptRule } from '../../config/checked.js'

/** The purpose of a DEK: its rule, CMKs and suite. */
export interface SealingScope {
  readonly rule: string
  /** Only with `dekScope: 'topic'`. */
  readonly topic: string | undefined
  readonly encrypt: CheckedEncryptRule
  readonly cmks: CmkSet
  /** The suite that seals its records. */
  readonly suite: Suite
}

/** A DEK for a sealing session. */
export interface SuppliedDek extends NewDek {
  readonly origin: DekOrigin
  /** Time since it was made, by this or another process. */
  readonly ageMs: number
}

/** Where the DEKs of one scope come from. */
export interface DekSupplier {
  /**
   * Rejects when `signal` is aborted, and wipes a DEK that arrives after that.
   * @throws EnvelopeError the failure of the KMS; DEK_EXHAUSTED or CONFIG_INVALID for a provisioned DEK
   */
  next(signal: AbortSignal): Promise<SuppliedDek>
  /** Call it when the current DEK has reached a limit. */
  exhausted(): void
  /** Call it when the DEK was ended early: nothing may be sealed under it again, and the next DEK must be a new one. */
  revoke(): void
  /** Resolves when the store has written everything that it should keep, or has taken too long. */
  settled(): Promise<void>
}
