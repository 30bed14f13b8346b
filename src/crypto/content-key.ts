import type { KeyObject } from 'node:crypto'
import { EnvelopeError } from '../errors.js'
import type { Suite } from './suites.js'

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

  destroy(): void {
    this.#key = undefined
  }
}
