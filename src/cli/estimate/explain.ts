import type { CheckedFile, CheckedPolicy, CheckedRule } from '../../config/checked.js'
import { DEFAULT_FORMAT } from '../../envelope/formats.js'
import { describeOverride } from '../allow/explain-overrides.js'
import type { Deks, Load } from './dek-counts.js'
import type { Estimate, KmsEstimate, Restart, RuleEstimate } from './estimate.js'
import { byteCount, figure, money, percent, timeSpan } from './format-units.js'
import { billingOf, VENDORS, type Billing, type Vendor } from './kms-pricing.js'
import type { Warning } from './warnings.js'

/** A dictionary of the configuration. Error messages name it by its SHA-256. */
export interface DictionarySummary {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** Explains a configuration and its cost, as text for a terminal. */
export function explain(
  file: string,
  {
    policy,
    load,
    dictionaries,
    estimated,
    found,
    nowMs,
  }: {
    readonly policy: CheckedFile
    readonly load: Load
    readonly dictionaries: readonly DictionarySummary[]
    readonly estimated: Estimate
    readonly found: readonly Warning[]
    /** In ms since 1970. */
    readonly nowMs: number
  },
): string {
  return [
    `${file}: no mistakes`,
    ...section('Assumptions', assumptions(load)),
    ...section('Topics', estimated.topics.map(topicLine)),
    ...estimated.rules.flatMap((rule) =>
      section(`Rule ${rule.rule.name} (${rule.path})`, ruleLines(rule, policy, load)),
    ),
    ...section(
      'Dictionaries',
      dictionaries.map(({ name, bytes, sha256 }) => `${name}: ${figure(bytes)} bytes, SHA-256 ${sha256}`),
    ),
    ...section(
      'Overrides',
      policy.overrides.flatMap((override) => describeOverride(override, nowMs)),
    ),
    ...estimated.kmses.flatMap((kms) =>
      section(
        `KMS ${kms.name} (${Object.hasOwn(policy.kms, kms.name) ? '' : 'assumed to be '}${VENDORS[kms.vendor].title})`,
        kmsLines(kms, load),
      ),
    ),
    ...section(
      found.length === 0 ? 'No warnings' : 'Warnings',
      found.map(({ path, message }) => `${path}: ${message}`),
    ),
    '',
  ].join('\n')
}

/** Sections that are left out if they are empty. */
const OPTIONAL = new Set(['Topics', 'Dictionaries', 'Overrides'])

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 && OPTIONAL.has(title) ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

function assumptions(load: Load): string[] {
  return [
    `producers: ${figure(load.producers)}, each starting ${figure(load.restartsPerDay)} × a day, ${load.dekStore ? 'with' : 'without'} a DEK store`,
    `readers: ${figure(load.readers)}, each reading under every DEK, all day`,
    `records: ${figure(load.recordsPerDay)} of ${figure(load.recordBytes)} bytes a day under each rule, evenly spread; kept for ${figure(load.retentionDays)} days`,
    'CMKs: every operation is a call to the KMS (wrapping with a local public key takes none)',
  ]
}

function topicLine({ topic, rule }: Estimate['topics'][number]): string {
  if (!rule) return `${topic}: no rule matches; writing and reading are errors`
  const does = rule.passthrough
    ? 'passed through'
    : [rule.encrypt && 'encrypted', rule.decrypt && 'decrypted'].filter(Boolean).join(' and ')
  return `${topic}: ${does} by rule ${rule.name}`
}

function ruleLines({ rule, sealing, reading }: RuleEstimate, policy: CheckedPolicy, load: Load): string[] {
  if (rule.passthrough) return ['values pass unchanged, both ways']
  const lines: string[] = []
  if (rule.encrypt && sealing) {
    const { maxAgeMs, maxMessages, maxBytes } = rule.encrypt.rotate
    lines.push(
      `encrypts under ${rule.encrypt.cmk}: ${sealing.cmks.map(({ kms, id }) => `${id} (${kms})`).join(', ')}`,
      `a DEK lasts for ${timeSpan(maxAgeMs)}, ${figure(maxMessages)} records or ${byteCount(maxBytes)}; here ${LIMITS[sealing.deks.limit]}`,
      `DEKs a day: ${dekSum(sealing.deks, load)}`,
      ...sealing.overhead.map(
        ({ topic, bytes }) => `overhead of a record in ${topic}: ${figure(bytes)} bytes`,
      ),
    )
    if (sealing.overhead.some(({ bytes }) => bytes > load.recordBytes / 4)) {
      const { iv, tag } = DEFAULT_FORMAT.sizes
      lines.push(
        `with batch compression (\`compression\` of \`send\`), about ${figure(iv + tag)} bytes of that overhead remain for each record, and the rest once a batch`,
      )
    }
    const { compression } = rule.encrypt
    if (typeof compression === 'object') {
      lines.push(
        `compressed with dictionary ${compression.dictionary}: give it to every reader before a producer starts with this file; nothing here or in \`verify()\` can know which dictionaries readers have`,
      )
    }
    if (compression !== 'none') {
      const how = typeof compression === 'object' ? 'a dictionary' : compression
      lines.push(
        `compressed with ${how}: lengths leak information about content, which matters if others can add text next to secrets`,
      )
    }
  }
  if (reading) lines.push(...readingLines(rule, reading, policy))
  return lines
}

const LIMITS: Record<Deks['limit'], string> = {
  age: 'its age is reached first',
  messages: 'the number of records is reached first',
  bytes: 'the number of bytes is reached first',
  provisioned: 'it is provisioned and not renewed',
}

function dekSum({ perDay, sealers, rotations, restarts, limit }: Deks, load: Load): string {
  if (limit === 'provisioned') return '0; all producers use the provisioned DEK'
  const owners = sealers === load.producers ? 'producers' : 'producers and topics'
  return `about ${figure(perDay)} = ${figure(sealers)} ${owners} × (${figure(rotations)} by limit + ${figure(restarts)} by start)`
}

function readingLines(
  rule: CheckedRule,
  reading: NonNullable<RuleEstimate['reading']>,
  policy: CheckedPolicy,
): string[] {
  const { cmk, deks, sealedElsewhere, unwrapsPerDay } = reading
  return [
    sealedElsewhere
      ? `decrypts under ${rule.decrypt?.cmks.join(', ') ?? ''}; encrypted elsewhere, assumed to be one DEK a day per producer, ${figure(deks.perDay)} with starts`
      : `decrypts under ${rule.decrypt?.cmks.join(', ') ?? ''}`,
    ...(cmk
      ? [
          `unwraps a day, all readers: about ${figure(unwrapsPerDay)} under ${cmk.id} (${cmk.kms}); each DEK when first seen, then every ${timeSpan(policy.cache.ttlMs)} while it is in use`,
        ]
      : []),
  ]
}

function kmsLines(
  { vendor, callsPerDay, cmks, quotaShare = 0, dollars, restart }: KmsEstimate,
  load: Load,
): string[] {
  const { fetchesPublicKey, terms }: Vendor = VENDORS[vendor]
  const billing = billingOf(vendor)
  const { generate, wrap, unwrap } = callsPerDay
  return [
    fetchesPublicKey
      ? `calls a day: at most ${figure(generate + wrap)} to fetch the public key, which wraps DEKs in the process, ${figure(unwrap)} to unwrap`
      : `calls a day: ${figure(generate)} to make DEKs, ${figure(wrap)} to wrap, ${figure(unwrap)} to unwrap`,
    ...(typeof terms === 'string' ? [terms] : []),
    ...(billing && dollars
      ? [
          `${percent(quotaShare)} of the quota on average (default: ${figure(billing.quota)} calls a second for ${billing.quotaOf})`,
          `cost in 30 days: ${cost(dollars, cmks, billing)}`,
          `this is the vendor's pay-as-you-go list price, not checked against a bill; ${billing.except}`,
        ]
      : []),
    ...(restart.resuming.calls > 0
      ? [
          `all readers restart where they stopped: ${restartLine(restart.resuming, billing?.dollarsPerCall)}`,
          `all readers restart and read ${figure(load.retentionDays)} days again: ${restartLine(restart.rereading, billing?.dollarsPerCall)}`,
        ]
      : []),
  ]
}

function cost(
  dollars: NonNullable<KmsEstimate['dollars']>,
  cmks: number,
  { dollarsPerCmk, dollarsPerCall, freeCallsPerMonth }: Billing,
): string {
  const free =
    freeCallsPerMonth === 0
      ? ''
      : `, after ${figure(freeCallsPerMonth)} free calls per account, deducted once for all entries under \`kms\``
  const forCalls = `${money(dollars.calls)} for calls (${money(dollarsPerCall * 10_000)} for 10,000${free})`
  if (dollarsPerCmk === 0) return forCalls
  const forCmks = `${money(dollars.cmks)} for CMKs (${figure(cmks)} × ${money(dollarsPerCmk)})`
  return `${money(dollars.cmks + dollars.calls)} = ${forCmks} + ${forCalls}`
}

function restartLine(
  { calls, deks, rateLimitSeconds, quotaSeconds = 0 }: Restart,
  dollars: number | undefined,
): string {
  const takes = [
    ...(rateLimitSeconds >= 1 ? [`${figure(rateLimitSeconds)} s with \`kmsRateLimit\``] : []),
    ...(quotaSeconds >= 1 ? [`${figure(quotaSeconds)} s with the quota`] : []),
  ]
  return [
    `${figure(calls)} unwraps, ${figure(deks)} per reader`,
    ...(dollars === undefined ? [] : [money(calls * dollars)]),
    ...(takes.length === 0 ? [] : [`at least ${takes.join(', ')}`]),
  ].join(', ')
}
