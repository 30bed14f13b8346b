import { randomBytes } from 'node:crypto'
import type { ContentKey } from '../../crypto/content-key.js'
import { DEFAULT_SUITE } from '../../crypto/suites.js'
import type { NewDek, Wrapping } from '../../kms/cmk.js'
import type { Usage } from '../../policy/rotation.js'

/**
 * One sealing session: a random id, one content key derived with it, one IV counter. It lives in one
 * process and is never cloned, serialised or persisted: that is what keeps IVs unique.
 */
export class SealingSession {
  readonly id: Buffer
  readonly wrappings: readonly Wrapping[]
  /** Since the DEK was made, by whichever process. */
  readonly ageMs: () => number
  readonly #key: ContentKey
  readonly #onDestroyed: () => void
  #messages = 0
  #bytes = 0
  #inFlight = 0
  #retired = false

  constructor({ dek, wrappings }: NewDek, ageMs: () => number, onDestroyed: () => void) {
    this.id = randomBytes(16)
    this.wrappings = wrappings
    this.ageMs = ageMs
    this.#key = dek.contentKey(DEFAULT_SUITE, this.id)
    // The session needs the content key alone.
    dek.destroy()
    this.#onDestroyed = onDestroyed
  }

  get usage(): Usage {
    return { messages: this.#messages, bytes: this.#bytes }
  }

  get suite(): number {
    return this.#key.suite.number
  }

  get commitment(): Buffer {
    return this.#key.commitment
  }

  /** Takes counter values for records that fit under the limits; the caller releases the grant after sealing. */
  reserve({ messages, bytes }: Usage): Grant {
    const firstCounter = this.#messages
    this.#messages += messages
    this.#bytes += bytes
    this.#inFlight++
    return {
      session: this,
      key: this.#key,
      firstCounter,
      count: messages,
      release: () => {
        this.#inFlight--
        this.#destroyIfDone()
      },
    }
  }

  /** No more grants; the key goes once the last one is released. */
  retire(): void {
    this.#retired = true
    this.#destroyIfDone()
  }

  #destroyIfDone(): void {
    if (!this.#retired || this.#inFlight > 0) return
    this.#key.destroy()
    this.#onDestroyed()
  }
}

/** The right to seal `count` records, under counter values nobody else has. */
export interface Grant {
  readonly session: SealingSession
  readonly key: ContentKey
  readonly firstCounter: number
  readonly count: number
  /** To be called once, after sealing. */
  release(): void
}
