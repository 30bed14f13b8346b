/** Facts about a kind of KMS, for `kafka-envelope check`. */
export interface Vendor {
  readonly title: string
  /** The provider name of symmetric CMKs on the wire. */
  readonly provider: string
  /** Length of a DEK wrapped under a symmetric CMK. */
  readonly ciphertextDekBytes: number
  /** Absent if nothing costs anything. */
  readonly billing?: {
    /**
     * Calls per second to a region that an account may make by default, for making, wrapping and unwrapping together.
     */
    readonly quota: number
    readonly dollarsPerCall: number
    /** Calls of an account that are free. */
    readonly freeCallsPerMonth: number
    readonly dollarsPerCmkAndDay: number
  }
}

export const VENDORS = {
  // As Tencent Cloud states them: symmetric operations share a quota (573/131380); CMKs and calls are billed as used
  // (1030/31966), where no edition was bought in advance (573/140190). None of this has been checked against a bill.
  // The ciphertext of a DEK has about 210 characters, but the vendor may change its form.
  tencent: {
    title: 'Tencent Cloud KMS',
    provider: 'tencent-kms',
    ciphertextDekBytes: 210,
    billing: {
      quota: 300,
      dollarsPerCall: 0.18 / 10_000,
      freeCallsPerMonth: 20_000,
      dollarsPerCmkAndDay: 0.06,
    },
  },
  // As AWS listed them in 2025 for most regions: symmetric operations share 5,500 calls a second; $1 a month for a CMK;
  // $0.03 for 10,000 calls. Not checked against a bill. A wrapped DEK is known to have 184 bytes, but AWS may change that.
  aws: {
    title: 'AWS KMS',
    provider: 'aws-kms',
    ciphertextDekBytes: 184,
    billing: {
      quota: 5500,
      dollarsPerCall: 0.03 / 10_000,
      freeCallsPerMonth: 20_000,
      dollarsPerCmkAndDay: 1 / 30,
    },
  },
  // As Google listed them in November 2026, for software keys: 60,000 cryptographic requests a minute for a project;
  // $0.06 a month for each active version of a key, here one. Not checked against a bill. A wrapped DEK was seen to have
  // 112 bytes, but the vendor may change its form.
  gcp: {
    title: 'Google Cloud KMS',
    provider: 'gcp-kms',
    ciphertextDekBytes: 112,
    billing: {
      quota: 1000,
      dollarsPerCall: 0.03 / 10_000,
      freeCallsPerMonth: 0,
      dollarsPerCmkAndDay: 0.06 / 30,
    },
  },
  // As Microsoft listed them in November 2026, for 2,048-bit software keys in a vault: 4,000 operations in 10 seconds;
  // $0.03 for 10,000 operations. Not checked against a bill. Wrapping is counted here, but happens in the process.
  azure: {
    title: 'Azure Key Vault',
    provider: 'azure-key-vault/rsa-oaep-sha256',
    ciphertextDekBytes: 1 + 16 + 256,
    billing: { quota: 400, dollarsPerCall: 0.03 / 10_000, freeCallsPerMonth: 0, dollarsPerCmkAndDay: 0 },
  },
  // Billed by the hour, whatever is called. Its quota depends on the pool.
  'azure-hsm': {
    title: 'Azure Managed HSM',
    provider: 'azure-managed-hsm',
    ciphertextDekBytes: 1 + 16 + 12 + 32 + 16,
  },
  // It is run by its users, who agree on a price with HashiCorp or pay none; it has no quota unless they set one.
  // `vault:v1:` and base64 of IV, ciphertext and tag.
  vault: { title: 'Vault or OpenBao', provider: 'vault-transit', ciphertextDekBytes: 9 + 80 },
  // Version, IV, ciphertext, tag: docs/format.md.
  local: { title: 'a keyring file', provider: 'local', ciphertextDekBytes: 4 + 12 + 32 + 16 },
} as const satisfies Record<string, Vendor>

export type VendorName = keyof typeof VENDORS

/** The forms of the ids of CMKs. Those of Tencent are `<region>/<key id>`, those of Vault `<DNS name>/<key>`. */
const ID_FORMS: readonly (readonly [VendorName, RegExp])[] = [
  ['tencent', /^[a-z]{2,}(-[a-z0-9]+)+\/[!-~]+$/],
  ['aws', /^arn:aws[a-z-]*:kms:/],
  ['azure', /^https:\/\/[a-z0-9-]+\.vault\.[a-z.]+\/keys\//],
  ['azure-hsm', /^https:\/\/[a-z0-9-]+\.managedhsm\.[a-z.]+\/keys\//],
  ['gcp', /^projects\/[^/]+\/locations\//],
  ['vault', /^[a-z0-9-]+(\.[a-z0-9-]+)+\/[\w.-]+$/],
]

/** Recognises a KMS by the ids of its CMKs. */
export function vendorOf(cmkIds: readonly string[]): VendorName {
  const found = ID_FORMS.find(([, form]) => cmkIds.length > 0 && cmkIds.every((id) => form.test(id)))
  return found?.[0] ?? 'local'
}
