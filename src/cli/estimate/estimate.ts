import * as v from 'valibot'
import type {
  CheckedEncryptRule,
  CheckedFile,
  CheckedPolicy,
  CheckedDecryptRule,
  CheckedRule,
} from '../../config/checked.js'
import type { CmkRef } from '../../config/config.js'
import { encryptSchema } from '../../config/schema.js'
import { asRecord } from '../../config/untyped.js'
import { deksOf, unwrapsPerReader, type Deks, type Load, type Renewal } from './dek-counts.js'
import { DEFAULT_FORMAT } from '../../envelope/formats.js'
import { TopicIndex } from '../../policy/topics.js'
import { isProviderName } from '../../config-file/providers.js'
import {
  billingOf,
  VENDORS,
  vendorOf,
  vendorOfProvider,
  type Vendor,
  type VendorName,
} from './kms-pricing.js'

/** The cost of a configuration under a load. Calculated, not measured; assumes that records flow evenly. */
export interface Estimate {
  readonly topics: readonly { readonly topic: string; readonly rule: CheckedRule | undefined }[]
  readonly rules: readonly RuleEstimate[]
  readonly kmses: readonly KmsEstimate[]
}

export interface RuleEstimate {
  readonly rule: CheckedRule
  /** Its place in the file, for example `topics[0]`. */
  readonly path: string
  readonly sealing: SealingEstimate | undefined
  readonly reading: ReadingEstimate | undefined
}

export interface SealingEstimate {
  readonly deks: Deks
  readonly cmks: readonly CmkRef[]
  /** Bytes that an envelope adds to a value, for each given topic, or else for the first pattern, used as a name. */
  readonly overhead: readonly { readonly topic: string; readonly bytes: number }[]
}

export interface ReadingEstimate {
  readonly deks: Deks
  /** Whether the records are encrypted elsewhere; then the default rotation is assumed. */
  readonly sealedElsewhere: boolean
  /**
   * The CMK that opens: the first one of the decrypt rule that also seals, or that unwraps for one that does. Undefined if
   * there is none.
   */
  readonly cmk: CmkRef | undefined
  /** By all readers. */
  readonly unwrapsPerDay: number
}

export interface KmsEstimate {
  readonly name: string
  readonly vendor: VendorName
  readonly callsPerDay: { readonly generate: number; readonly wrap: number; readonly unwrap: number }
  /** How many of its CMKs the configuration names. */
  readonly cmks: number
  /** Share of the quota that is used on average. Absent if there is no quota. */
  readonly quotaShare?: number
  /** For 30 days, pay as you go. Absent if nothing is billed. */
  readonly dollars?: { readonly cmks: number; readonly calls: number }
  /** The DEKs that all readers unwrap here when they restart. */
  readonly restart: {
    /** If they resume where they stopped: the DEKs that seal now. */
    readonly resuming: Restart
    /** If they read from the beginning: all DEKs of the retention time. */
    readonly rereading: Restart
  }
}

export interface Restart {
  readonly calls: number
  /** For one reader. */
  readonly deks: number
  /** At least, with `kmsRateLimit.opening` of a reader. */
  readonly rateLimitSeconds: number
  /** At least, with the account's quota. */
  readonly quotaSeconds?: number
}

/** For rules in other configurations, which are unknown here. */
const DEFAULT_RENEWAL: Renewal = v.parse(encryptSchema, { cmk: 'any' })

/**
 * @param topics names of topics: their rules are looked up, and they are counted for `dekScope: 'topic'`
 * @param vendors the vendors of KMS services, by their names; other services are known by their providers in the file, or
 * recognised by the ids of their CMKs
 */
export function estimate(
  policy: CheckedFile,
  load: Load,
  topics: readonly string[],
  vendors: Readonly<Record<string, VendorName>>,
): Estimate {
  const index = new TopicIndex(policy.rules, ({ match }) => match)
  const found = topics.map((topic) => ({ topic, rule: index.find(topic) }))
  const known = vendorsOf(policy, vendors)
  const rules = policy.rules.map((rule, i): RuleEstimate => {
    const own = found.filter((each) => each.rule === rule).map(({ topic }) => topic)
    return {
      rule,
      path: `topics[${String(i)}]`,
      sealing: rule.encrypt && sealing(rule, rule.encrypt, { policy, load, topics: own, vendors: known }),
      reading: rule.decrypt && reading(rule, rule.decrypt, { policy, load, topics: own, vendors: known }),
    }
  })
  const kmses = Object.entries(known).map(([name, vendor]) => kmsEstimate(name, vendor, rules, policy, load))
  return { topics: found, rules, kmses: lessFreeCalls(kmses) }
}

/**
 * An account has free calls only once, however many entries under `kms` use it. The account of each entry is not known
 * here, so all entries of a vendor count as one account. That way the sum is not less than the bill.
 */
function lessFreeCalls(kmses: readonly KmsEstimate[]): readonly KmsEstimate[] {
  const left = new Map<VendorName, number>()
  return kmses.map((kms) => {
    const { vendor, callsPerDay, dollars } = kms
    const billing = billingOf(vendor)
    if (billing === undefined || dollars === undefined) return kms
    const available = left.get(vendor) ?? billing.freeCallsPerMonth
    const calls = 30 * (callsPerDay.generate + callsPerDay.wrap + callsPerDay.unwrap)
    const free = Math.min(available, calls)
    left.set(vendor, available - free)
    return { ...kms, dollars: { ...dollars, calls: (calls - free) * billing.dollarsPerCall } }
  })
}

function vendorsOf(
  { cmks, kms: described }: CheckedFile,
  stated: Readonly<Record<string, VendorName>>,
): Record<string, VendorName> {
  const refs = Object.values(cmks).flat()
  const names = [...new Set(refs.map(({ kms }) => kms))]
  return Object.fromEntries(
    names.map((name) => {
      const ids = refs.filter(({ kms }) => kms === name).map(({ id }) => id)
      const { provider } = asRecord(Object.hasOwn(described, name) ? described[name] : undefined)
      const known = isProviderName(provider) ? vendorOfProvider(provider, ids) : vendorOf(ids)
      return [name, (Object.hasOwn(stated, name) ? stated[name] : undefined) ?? known]
    }),
  )
}

interface Surroundings {
  readonly policy: CheckedPolicy
  readonly load: Load
  readonly topics: readonly string[]
  readonly vendors: Readonly<Record<string, VendorName>>
}

function sealing(
  { match }: CheckedRule,
  encrypt: CheckedEncryptRule,
  { policy, load, topics, vendors }: Surroundings,
): SealingEstimate {
  const cmks = policy.cmks[encrypt.cmk] ?? []
  const wrappings = cmks.map(({ kms, id }) => ({ ...VENDORS[vendors[kms] ?? 'local'], cmkId: id }))
  const named = topics.length > 0 ? topics : [match[0] ?? '']
  const envelope = {
    wrappings,
    hasDictionary: typeof encrypt.compression === 'object',
    boundHeaders: encrypt.bindHeaders,
    context: encrypt.context,
  }
  return {
    deks: deksOf(encrypt, Math.max(topics.length, 1), load),
    cmks,
    overhead: named.map((topic) => ({
      topic,
      bytes: DEFAULT_FORMAT.sizes.overhead({ ...envelope, topic, bodyBytes: load.recordBytes }),
    })),
  }
}

function reading(
  { encrypt }: CheckedRule,
  decrypt: CheckedDecryptRule,
  { policy, load, topics, vendors }: Surroundings,
): ReadingEstimate {
  const deks = deksOf(encrypt ?? DEFAULT_RENEWAL, Math.max(topics.length, 1), load)
  const accepted = decrypt.cmks.flatMap((name) => policy.cmks[name] ?? [])
  const sealed = encrypt ? (policy.cmks[encrypt.cmk] ?? []) : accepted
  return {
    deks,
    sealedElsewhere: encrypt === undefined,
    cmk: accepted.find((own) => sealed.some((cmk) => unwraps(own, cmk, vendors))),
    unwrapsPerDay: load.readers * unwrapsPerReader(deks, policy.cache.ttlMs),
  }
}

/** Whether `own` unwraps what `cmk` wrapped. Entries under `kms` are names of this configuration, and do not matter. */
function unwraps(own: CmkRef, cmk: CmkRef, vendors: Surroundings['vendors']): boolean {
  const vendor = vendors[own.kms] ?? 'local'
  if (vendor !== (vendors[cmk.kms] ?? 'local')) return false
  const { unwrapsFor }: Vendor = VENDORS[vendor]
  return own.id === cmk.id || unwrapsFor?.(own.id, cmk.id) === true
}

function kmsEstimate(
  name: string,
  vendorName: VendorName,
  rules: readonly RuleEstimate[],
  policy: CheckedPolicy,
  load: Load,
): KmsEstimate {
  const callsPerDay = { generate: 0, wrap: 0, unwrap: 0 }
  for (const { sealing: seals, reading: reads } of rules) {
    for (const [i, { kms }] of (seals?.cmks ?? []).entries()) {
      if (kms !== name) continue
      // The first CMK makes the DEK, and the others wrap it. The first one also unwraps stored DEKs.
      callsPerDay[i === 0 ? 'generate' : 'wrap'] += seals?.deks.perDay ?? 0
      if (i === 0) callsPerDay.unwrap += seals?.deks.reopened ?? 0
    }
    if (reads?.cmk?.kms === name) callsPerDay.unwrap += reads.unwrapsPerDay
  }
  const read = rules.flatMap(({ reading: reads }) => (reads?.cmk?.kms === name ? [reads.deks] : []))
  const live = read.reduce((sum, { sealers }) => sum + sealers, 0)
  const kept = read.reduce((sum, deks) => sum + Math.max(deks.perDay * load.retentionDays, deks.sealers), 0)
  const billing = billingOf(vendorName)
  const restart = (deks: number): Restart => ({
    calls: load.readers * deks,
    deks,
    rateLimitSeconds: rateLimitSeconds(deks, policy.kmsRateLimit.opening),
    ...(billing && { quotaSeconds: (load.readers * deks) / billing.quota }),
  })
  const perDay = callsPerDay.generate + callsPerDay.wrap + callsPerDay.unwrap
  const named = Object.values(policy.cmks).flatMap((refs) => refs.filter(({ kms }) => kms === name))
  const cmks = new Set(named.map(({ id }) => id)).size
  return {
    name,
    vendor: vendorName,
    callsPerDay,
    cmks,
    ...(billing && {
      quotaShare: perDay / billing.quota / 86_400,
      dollars: {
        cmks: cmks * billing.dollarsPerCmk,
        calls: 30 * perDay * billing.dollarsPerCall,
      },
    }),
    restart: { resuming: restart(live), rereading: restart(kept) },
  }
}

function rateLimitSeconds(
  calls: number,
  { perSecond, burst }: CheckedPolicy['kmsRateLimit']['opening'],
): number {
  return Math.max(0, calls - burst) / perSecond
}
