/** What is known of the kinds of KMS that `kafka-envelope check` can reckon with. */
export interface Vendor {
  readonly title: string
  /** The provider name on the wire, of symmetric CMKs. */
  readonly provider: string
  /** Of a DEK wrapped under a symmetric CMK. */
  readonly ciphertextDekBytes: number
  /** Calls a second that an account has by default, and the price of a call; absent where no call costs anything. */
  readonly calls?: {
    readonly quota: { readonly generate: number; readonly wrap: number; readonly unwrap: number }
    readonly dollars: number
  }
}

export const VENDORS = {
  // Quotas and prices as Tencent Cloud states them: GenerateDataKey 150, Encrypt and Decrypt 300 a second, about $0.18
  // for 10,000 calls. The ciphertext of a DEK has about 210 characters; its form is the vendor's to change.
  tencent: {
    title: 'Tencent Cloud KMS',
    provider: 'tencent-kms',
    ciphertextDekBytes: 210,
    calls: { quota: { generate: 150, wrap: 300, unwrap: 300 }, dollars: 0.18 / 10_000 },
  },
  // Version, IV, ciphertext, tag: docs/format.md.
  local: { title: 'a keyring file', provider: 'local', ciphertextDekBytes: 4 + 12 + 32 + 16 },
} as const satisfies Record<string, Vendor>

export type VendorName = keyof typeof VENDORS

/** What a KMS is taken for by the ids of its CMKs: Tencent's are `<region>/<key id>`. */
export function vendorOf(cmkIds: readonly string[]): VendorName {
  const regional = (id: string): boolean => /^[a-z]{2,}(-[a-z0-9]+)+\/[!-~]+$/.test(id)
  return cmkIds.length > 0 && cmkIds.every(regional) ? 'tencent' : 'local'
}
