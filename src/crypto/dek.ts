import { createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'
import { EnvelopeError } from '../errors.js'
import { ContentKey } from './content-key.js'
import type { Suite } from './suites.js'

export const DEK_BYTES = 32

/** A data encryption key. Its bytes never come out again; it derives content keys until it is destroyed. */
export class Dek {
  #key: KeyObject | undefined

  private constructor(key: KeyObject) {
    this.#key = key
  }

  /** Takes over 32 bytes and wipes the buffer they came in. The length must have been checked. */
  static take(bytes: Uint8Array): Dek {
    try {
      if (bytes.length !== DEK_BYTES) throw new RangeError(`a DEK has ${String(DEK_BYTES)} bytes`)
      return new Dek(createSecretKey(bytes))
    } finally {
      bytes.fill(0)
    }
  }

  get destroyed(): boolean {
    return this.#key === undefined
  }

  /**
   * The content key of a session: HKDF (RFC 5869) with the session id as salt.
   * @throws EnvelopeError KEY_DESTROYED
   */
  contentKey(suite: Suite, sessionId: Uint8Array): ContentKey {
    if (this.#key === undefined)
      throw new EnvelopeError('KEY_DESTROYED', 'a DEK was used after it was destroyed')
    const derive = (info: string): Buffer =>
      Buffer.from(hkdfSync(suite.hash, this.#key as KeyObject, sessionId, info, suite.keyBytes))
    const keyBytes = derive(suite.contentInfo)
    const key = createSecretKey(keyBytes)
    keyBytes.fill(0)
    return new ContentKey(suite, key, derive(suite.commitmentInfo))
  }

  /** The content key of a session if this is the DEK that the commitment was made under, else undefined. */
  contentKeyFor(suite: Suite, sessionId: Uint8Array, commitment: Uint8Array): ContentKey | undefined {
    const key = this.contentKey(suite, sessionId)
    if (timingSafeEqual(key.commitment, commitment)) return key
    key.destroy()
    return undefined
  }

  destroy(): void {
    this.#key = undefined
  }
}
