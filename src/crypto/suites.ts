/** One registered suite: content algorithm, derivation and commitment in one number. */
export interface Suite {
  readonly number: number
  /** The name in OpenSSL. */
  readonly cipher: 'aes-256-gcm'
  /** Of HKDF (RFC 5869). */
  readonly hash: 'sha256'
  readonly keyBytes: number
  readonly contentInfo: string
  readonly commitmentInfo: string
}

const rows: readonly Suite[] = [
  {
    number: 1,
    cipher: 'aes-256-gcm',
    hash: 'sha256',
    keyBytes: 32,
    contentInfo: 'kafka-envelope/v1/content/1',
    commitmentInfo: 'kafka-envelope/v1/commit/1',
  },
]

const byNumber: ReadonlyMap<number, Suite> = new Map(rows.map((suite) => [suite.number, suite]))

/** The suite that producers use. */
export const DEFAULT_SUITE: Suite = rows[0] as Suite

export function suiteOf(number: number): Suite | undefined {
  return byNumber.get(number)
}
