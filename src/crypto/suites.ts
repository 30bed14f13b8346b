import type { CipherGCMTypes } from 'node:crypto'
import { IV_BYTES, TAG_BYTES } from '../envelope/bounds.js'

/** One registered suite: content algorithm, derivation and commitment in one number. */
export interface Suite {
  readonly number: number
  /** The name in OpenSSL. */
  readonly cipher: CipherGCMTypes
  readonly keyBytes: number
  /** The lengths of the format's IV and tag: an envelope has no room for others. */
  readonly ivBytes: number
  readonly tagBytes: number
  /** HKDF (RFC 5869) with the session id as salt. */
  readonly kdf: {
    readonly hash: 'sha256'
    readonly contentInfo: string
    readonly commitmentInfo: string
  }
}

/** docs/format.md, section 7. */
const SUITES: readonly Suite[] = [
  {
    number: 1,
    cipher: 'aes-256-gcm',
    keyBytes: 32,
    ivBytes: IV_BYTES,
    tagBytes: TAG_BYTES,
    kdf: {
      hash: 'sha256',
      contentInfo: 'kafka-envelope/v1/content/1',
      commitmentInfo: 'kafka-envelope/v1/commit/1',
    },
  },
]

const byNumber: ReadonlyMap<number, Suite> = new Map(SUITES.map((suite) => [suite.number, suite]))

/** The suite that sealing uses. */
export const DEFAULT_SUITE: Suite = SUITES[0] as Suite

export function suiteOf(number: number): Suite | undefined {
  return byNumber.get(number)
}
