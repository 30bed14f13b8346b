import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto'
import { COMMITMENT_BYTES } from '../envelope/bounds.js'
import { EnvelopeError } from '../errors.js'
import { ContentKey } from './content-key.js'
import type { Suite } from './suites.js'

export const DEK_BYTES = 32

const SAME_INFO = 'kafka-envelope/same-dek/1'

/** A data encryption key. Its bytes never come out again; it derives content keys until it is destroyed. */
export class Dek {
  #key: KeyObject | undefined

  private constructor(key: KeyObject) {
    this.#key = key
  }

  /** Takes over 32 bytes, and wipes the buffer that held them. The caller has checked the length. */
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
    const dek = this.#alive()
    const { hash, contentInfo, commitmentInfo } = suite.kdf
    const derive = (info: string, bytes: number): Buffer =>
      Buffer.from(hkdfSync(hash, dek, sessionId, info, bytes))
    const keyBytes = derive(contentInfo, suite.keyBytes)
    const key = createSecretKey(keyBytes)
    keyBytes.fill(0)
    return new ContentKey(suite, key, derive(commitmentInfo, COMMITMENT_BYTES))
  }

  /**
   * HMAC-SHA-256 of `bytes` under a key that is derived only for this purpose (HKDF-SHA-256, RFC 5869, no salt, `info`
   * as its name).
   * @throws EnvelopeError KEY_DESTROYED
   */
  mac(info: string, bytes: Uint8Array): Buffer {
    const key = Buffer.from(hkdfSync('sha256', this.#alive(), new Uint8Array(0), info, 32))
    try {
      return createHmac('sha256', key).update(bytes).digest()
    } finally {
      key.fill(0)
    }
  }

  /** Whether `mac` is that of `bytes`, compared in constant time. */
  verifyMac(info: string, bytes: Uint8Array, mac: Uint8Array): boolean {
    const expected = this.mac(info, bytes)
    return expected.length === mac.length && timingSafeEqual(expected, mac)
  }

  /** Whether both are the same 32 bytes, compared in constant time. */
  isSameAs(other: Dek): boolean {
    const nothing = new Uint8Array(0)
    return this.verifyMac(SAME_INFO, nothing, other.mac(SAME_INFO, nothing))
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

  #alive(): KeyObject {
    if (this.#key !== undefined) return this.#key
    throw new EnvelopeError('KEY_DESTROYED', 'a DEK was used after it was destroyed')
  }
}
