import type { KeyObject } from 'node:crypto'
import { EnvelopeError } from '../errors.js'
import type { Suite } from './suites.js'

/** How an engine other than the one on `node:crypto` takes over a key. */
export interface KeyImport<K> {
  /** Copies the bytes, which are wiped afterwards. */
  create(bytes: Buffer): K
  /** Wipes the copy. */
  destroy(key: K): void
}

/**
 * A key that seals or opens bodies: derived from a DEK for one session. Nothing outside `crypto/` sees its bytes. Node
 * cannot wipe a `KeyObject`: destroying drops the only reference, and OpenSSL wipes the memory once it is collected.
 */
export class ContentKey {
  readonly suite: Suite
  /**
   * Derived together with the key; identifies the DEK of an envelope. Its length is that of the format, whatever the
   * suite.
   */
  readonly commitment: Buffer
  #key: KeyObject | undefined
  #imported: { readonly by: unknown; readonly key: unknown; readonly destroy: () => void } | undefined

  constructor(suite: Suite, key: KeyObject, commitment: Buffer) {
    this.suite = suite
    this.#key = key
    this.commitment = commitment
  }

  /** @throws EnvelopeError KEY_DESTROYED */
  keyObject(): KeyObject {
    if (this.#key === undefined)
      throw new EnvelopeError('KEY_DESTROYED', 'a content key was used after it was destroyed')
    return this.#key
  }

  /**
   * The key as an engine keeps it: imported when the engine first asks, destroyed with this key.
   * @throws EnvelopeError KEY_DESTROYED
   */
  importedBy<K>(by: KeyImport<K>): K {
    const known = this.#imported
    if (known?.by === by) return known.key as K
    const bytes = this.keyObject().export()
    try {
      const key = by.create(bytes)
      const destroy = (): void => {
        by.destroy(key)
      }
      known?.destroy()
      this.#imported = { by, key, destroy }
      return key
    } finally {
      bytes.fill(0)
    }
  }

  /** Frees the key that an engine keeps. It is imported again if it is used again. */
  release(): void {
    this.#imported?.destroy()
    this.#imported = undefined
  }

  destroy(): void {
    this.#key = undefined
    this.release()
  }
}
