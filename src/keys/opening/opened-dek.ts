import type { ContentKey } from '../../crypto/content-key.js'
import type { Dek } from '../../crypto/dek.js'
import type { Suite } from '../../crypto/suites.js'
import type { Cmk } from '../../kms/cmk.js'

/** Identifies a session and commits to the DEK that it belongs to. Comes from the header of an envelope. */
export interface SessionRef {
  readonly suite: Suite
  readonly sessionId: Buffer
  readonly commitment: Buffer
}

/** How many sessions are remembered under one DEK. The keys of other sessions are derived each time. */
const MAX_SESSIONS = 1000

/**
 * An unwrapped DEK, and the content keys derived from it whose commitment verified. Its keys live as long as any lease
 * does. Caches that keep the DEK and records that are being opened hold leases.
 */
export class OpenedDek {
  readonly cmk: Cmk
  readonly ageMs: () => number
  readonly #dek: Dek
  readonly #onDestroyed: () => void
  readonly #contentKeys = new Map<string, ContentKey>()
  #leases = 0

  constructor(cmk: Cmk, dek: Dek, ageMs: () => number, onDestroyed: () => void) {
    this.cmk = cmk
    this.#dek = dek
    this.ageMs = ageMs
    this.#onDestroyed = onDestroyed
  }

  /** The session's content key, or undefined if the commitment does not match this DEK. */
  contentKey(session: SessionRef, sessionName: string): ContentKey | undefined {
    const known = this.#contentKeys.get(sessionName)
    if (known !== undefined) return known
    const key = this.#dek.contentKeyFor(session.suite, session.sessionId, session.commitment)
    if (key === undefined) return undefined
    if (this.#contentKeys.size >= MAX_SESSIONS) this.#forgetOldest()
    this.#contentKeys.set(sessionName, key)
    return key
  }

  isSameAs(other: OpenedDek): boolean {
    return this.#dek.isSameAs(other.#dek)
  }

  /** Keeps the keys alive. Call the returned function once to release them; the last release destroys them. */
  lease(): () => void {
    this.#leases++
    return () => {
      if (--this.#leases === 0) this.#destroy()
    }
  }

  #forgetOldest(): void {
    const [[name, key]] = this.#contentKeys as unknown as [[string, ContentKey]]
    this.#contentKeys.delete(name)
    // A record that waits may still hold the key, so it is not destroyed.
    key.release()
  }

  #destroy(): void {
    this.#dek.destroy()
    for (const key of this.#contentKeys.values()) key.destroy()
    this.#contentKeys.clear()
    this.#onDestroyed()
  }
}
