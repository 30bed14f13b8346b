import { randomBytes } from 'node:crypto'
import type { ContentKey } from '../../crypto/content-key.js'
import type { Suite } from '../../crypto/suites.js'
import { SESSION_ID_BYTES } from '../../envelope/bounds.js'
import type { WrappedDek } from '../../envelope/format.js'
import type { MissingCmk, NewDek } from '../../kms/cmk.js'

/**
 * One sealing session: a random id, one content key derived with it, one IV counter. It lives in one
 * process and is never cloned, serialised or persisted: that is what keeps IVs unique.
 */
export class SealingSession {
  readonly id: Buffer
  readonly wrappings: readonly WrappedDek[]
  /** The CMKs of the rule that cannot unwrap its DEK. */
  readonly missing: readonly MissingCmk[]
  readonly #key: ContentKey
  readonly #onDestroyed: (session: SealingSession) => void
  #nextCounter = 0
  #inFlight = 0
  #isRetired = false

  /** Takes over the DEK and destroys it, also if it throws: the session needs only the content key. */
  constructor(
    { dek, wrappings, missing }: NewDek,
    suite: Suite,
    onDestroyed: (session: SealingSession) => void,
  ) {
    this.id = randomBytes(SESSION_ID_BYTES)
    this.wrappings = wrappings
    this.missing = missing
    this.#onDestroyed = onDestroyed
    try {
      this.#key = dek.contentKey(suite, this.id)
    } finally {
      dek.destroy()
    }
  }

  get suite(): number {
    return this.#key.suite.number
  }

  get commitment(): Buffer {
    return this.#key.commitment
  }

  /**
   * Reserves counter values for `count` records; the caller releases the grant after sealing. The caller decides how
   * many records a DEK may seal; this method ensures that no counter value is used twice.
   */
  reserve(count: number): Grant {
    if (this.#isRetired) throw new Error('a sealing session gives no grants after its end')
    const firstCounter = this.#nextCounter
    this.#nextCounter += count
    this.#inFlight++
    return {
      session: this,
      key: this.#key,
      firstCounter,
      count,
      release: () => {
        this.#inFlight--
        this.#destroyIfDone()
      },
    }
  }

  /** No more grants; the key is destroyed once the last one is released. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#destroyIfDone()
  }

  #destroyIfDone(): void {
    if (!this.#isRetired || this.#inFlight > 0) return
    this.#key.destroy()
    this.#onDestroyed(this)
  }
}

/** Permission to seal `count` records, with counter values that no other record gets. */
export interface Grant {
  readonly session: SealingSession
  readonly key: ContentKey
  readonly firstCounter: number
  readonly count: number
  /** Call it once, after sealing. */
  release(): void
}
