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
}

/** A DEK for a sealing session. */
export interface SuppliedDek extends NewDek {
  readonly origin: DekOrigin
  /** Since it was made, by whichever process. */
  readonly ageMs: () => number
}

/** Where the DEKs of one scope come from. */
export interface DekSource {
  /** @throws EnvelopeError what the KMS fails with; DEK_EXHAUSTED or CONFIG_INVALID for a provisioned DEK */
  next(signal: AbortSignal): Promise<SuppliedDek>
  /** The DEK at hand has reached a limit. */
  exhausted(): void
  /** The DEK was ended before its time: nobody shall seal under it again, and the next one is made anew. */
  revoke(): void
  /** Resolves when what was to be written is written, or is not waited for any longer. */
  settled(): Promise<void>
}
