import { areReplicas, parseCmkArn } from '../../kms/aws/cmk-arn.js'
import type { ProviderName } from '../../config-file/providers.js'

/** Facts about a kind of KMS, for `kafka-envelope check`. */
export interface Vendor {
  readonly title: string
  /** The provider name of symmetric CMKs on the wire. */
  readonly provider: string
  /** Length of a DEK wrapped under a symmetric CMK. */
  readonly ciphertextDekBytes: number
  /** Whether DEKs are wrapped in the process, with a public key. Then a new DEK takes a call only to fetch that. */
  readonly fetchesPublicKey?: true
  /** Whether a CMK unwraps what another one wrapped, by their ids. */
  readonly unwrapsFor?: (cmkId: string, other: string) => boolean
  /** What is billed and limited, or in words why nothing can be calculated. */
  readonly terms: Billing | string
}

export interface Billing {
  /** Calls per second that are allowed by default, for making, wrapping and unwrapping together. */
  readonly quota: number
  /** Whose quota it is. */
  readonly quotaOf: string
  readonly dollarsPerCall: number
  /** Calls of an account that are free. */
  readonly freeCallsPerMonth: number
  /** For 30 days. */
  readonly dollarsPerCmk: number
  /** What has another price or quota. */
  readonly except: string
}

/** Undefined if cost and quota cannot be calculated. */
export function billingOf(vendor: VendorName): Billing | undefined {
  const { terms }: Vendor = VENDORS[vendor]
  return typeof terms === 'string' ? undefined : terms
}

export const VENDORS = {
  // As Tencent Cloud states them: symmetric operations share a quota (573/131380); CMKs and calls are billed as used
  // (1030/31966), where no edition was bought in advance (573/140190). None of this has been checked against a bill.
  // The ciphertext of a DEK has about 210 characters, but the vendor may change its form.
  tencent: {
    title: 'Tencent Cloud KMS',
    provider: 'tencent-kms',
    ciphertextDekBytes: 210,
    terms: {
      quota: 300,
      quotaOf: 'a region',
      dollarsPerCall: 0.18 / 10_000,
      freeCallsPerMonth: 20_000,
      dollarsPerCmk: 30 * 0.06,
      except: 'a prepaid edition has its own price and quota',
    },
  },
  // As AWS listed them in 2025 for most regions: symmetric operations share 5,500 calls a second; $1 a month for a CMK;
  // $0.03 for 10,000 calls. Not checked against a bill. A wrapped DEK is known to have 184 bytes, but AWS may change that.
  aws: {
    title: 'AWS KMS',
    provider: 'aws-kms',
    ciphertextDekBytes: 184,
    unwrapsFor: (cmkId, other) => {
      const [one, two] = [parseCmkArn(cmkId), parseCmkArn(other)]
      return one !== undefined && two !== undefined && areReplicas(one, two)
    },
    terms: {
      quota: 5500,
      quotaOf: 'a region',
      dollarsPerCall: 0.03 / 10_000,
      freeCallsPerMonth: 20_000,
      dollarsPerCmk: 1,
      except: 'RSA CMKs have a lower quota, and those above 2,048 bits a higher price',
    },
  },
  // As Google listed them in November 2026, for software keys: 60,000 cryptographic requests a minute for a project;
  // $0.06 a month for each active version of a key, here one. Not checked against a bill. A wrapped DEK was seen to have
  // 112 bytes, but the vendor may change its form.
  gcp: {
    title: 'Google Cloud KMS',
    provider: 'gcp-kms',
    ciphertextDekBytes: 112,
    terms: {
      quota: 1000,
      quotaOf: 'a project',
      dollarsPerCall: 0.03 / 10_000,
      freeCallsPerMonth: 0,
      dollarsPerCmk: 0.06,
      except:
        'each old version of a key that is enabled costs as much again; HSM keys cost more and have a lower quota',
    },
  },
  // As Microsoft listed them in November 2026, for 2,048-bit software keys in a vault: 4,000 operations in 10 seconds;
  // $0.03 for 10,000 operations. Not checked against a bill.
  azure: {
    title: 'Azure Key Vault',
    provider: 'azure-key-vault/rsa-oaep-sha256',
    ciphertextDekBytes: 1 + 16 + 256,
    fetchesPublicKey: true,
    terms: {
      quota: 400,
      quotaOf: 'a vault',
      dollarsPerCall: 0.03 / 10_000,
      freeCallsPerMonth: 0,
      dollarsPerCmk: 0,
      except: 'keys above 2,048 bits and HSM keys cost more and have a lower quota',
    },
  },
  'azure-hsm': {
    title: 'Azure Managed HSM',
    provider: 'azure-managed-hsm',
    ciphertextDekBytes: 1 + 16 + 12 + 32 + 16,
    terms: 'the pool of HSMs is billed by the hour, whatever is called; its size decides how many it takes',
  },
  // `vault:v1:` and base64 of IV, ciphertext and tag.
  vault: {
    title: 'Vault or OpenBao',
    provider: 'vault-transit',
    ciphertextDekBytes: 9 + 80,
    terms: 'calls have no price; who runs the service decides how many it takes',
  },
  // Version, length of the id, an id of one byte, IV, ciphertext and tag: docs/format.md.
  pkcs11: {
    title: 'an HSM',
    provider: 'pkcs11',
    ciphertextDekBytes: 3 + 12 + 32 + 16,
    terms: 'calls have no price; the model of the HSM decides how many it takes',
  },
  // Version, IV, ciphertext, tag: docs/format.md.
  local: {
    title: 'a keyring file',
    provider: 'local',
    ciphertextDekBytes: 4 + 12 + 32 + 16,
    terms: 'no cost and no quota',
  },
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
  ['pkcs11', /^pkcs11:token=[^;]+;object=[^;]+$/],
]

/** Recognises a KMS by the ids of its CMKs. */
export function vendorOf(cmkIds: readonly string[]): VendorName {
  const found = ID_FORMS.find(([, form]) => cmkIds.length > 0 && cmkIds.every((id) => form.test(id)))
  return found?.[0] ?? 'local'
}

/** The service of a provider in a configuration file. That of Azure is two of them. */
export function vendorOfProvider(provider: ProviderName, cmkIds: readonly string[]): VendorName {
  return provider === 'azure' && vendorOf(cmkIds) === 'azure-hsm' ? 'azure-hsm' : provider
}
