import type { CheckedPolicy, CheckedRule } from '../../config/checked.js'
import type { Deks, Load } from './dek-counts.js'
import type { Estimate, KmsEstimate, Restart, RuleEstimate } from './estimate.js'
import { byteCount, figure, timeSpan } from './format-units.js'
import { VENDORS, type Vendor } from './kms-pricing.js'
import type { Warning } from './warnings.js'

/** What a configuration comes to, as text for a terminal. */
export function explain(
  file: string,
  {
    policy,
    load,
    estimated,
    found,
  }: {
    readonly policy: CheckedPolicy
    readonly load: Load
    readonly estimated: Estimate
    readonly found: readonly Warning[]
  },
): string {
  return [
    `${file}: no mistakes`,
    ...section('Assumed', assumptions(load)),
    ...section('Topics', estimated.topics.map(topicLine)),
    ...estimated.rules.flatMap((rule) =>
      section(`Rule ${rule.rule.name} (${rule.path})`, ruleLines(rule, policy, load)),
    ),
    ...estimated.kmses.flatMap((kms) =>
      section(`KMS ${kms.name}, taken for ${VENDORS[kms.vendor].title}`, kmsLines(kms, load)),
    ),
    ...section(
      found.length === 0 ? 'Nothing that will hurt was found' : 'This will hurt',
      found.map(({ path, message }) => `${path}: ${message}`),
    ),
    '',
  ].join('\n')
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 && title === 'Topics' ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

function assumptions(load: Load): string[] {
  return [
    `producers: ${figure(load.producers)}, each starts ${figure(load.restartsPerDay)} × a day, ${load.dekStore ? 'with' : 'without'} a store for DEKs`,
    `readers: ${figure(load.readers)}, each of which meets every DEK and follows its topics all day`,
    `records: ${figure(load.recordsPerDay)} a day under each rule, of ${figure(load.recordBytes)} bytes, evenly; kept for ${figure(load.retentionDays)} days`,
    'CMKs: each does its work in its KMS; to seal with the public key of one takes no call',
  ]
}

function topicLine({ topic, rule }: Estimate['topics'][number]): string {
  if (!rule) return `${topic}: no rule; writing and reading it are errors`
  const does = rule.passthrough
    ? 'passes as it is'
    : [rule.encrypt && 'sealed', rule.decrypt && 'opened'].filter(Boolean).join(' and ')
  return `${topic}: ${does} by rule ${rule.name}`
}

function ruleLines({ rule, sealing, reading }: RuleEstimate, policy: CheckedPolicy, load: Load): string[] {
  if (rule.passthrough) return ['values pass as they are, both ways']
  const lines: string[] = []
  if (rule.encrypt && sealing) {
    const { maxAgeMs, maxMessages, maxBytes } = rule.encrypt.rotate
    lines.push(
      `sealed under ${rule.encrypt.cmk}: ${sealing.cmks.map(({ kms, id }) => `${id} (${kms})`).join(', ')}`,
      `a DEK serves for ${timeSpan(maxAgeMs)}, ${figure(maxMessages)} records or ${byteCount(maxBytes)}; here ${LIMITS[sealing.deks.limit]}`,
      `DEKs a day: ${dekSum(sealing.deks, load)}`,
      ...sealing.overhead.map(
        ({ topic, bytes }) => `overhead of a record in ${topic}: ${figure(bytes)} bytes`,
      ),
    )
    if (rule.encrypt.compression !== 'none') {
      lines.push(
        `compressed by ${rule.encrypt.compression}: lengths tell about content, which matters where others can put text beside secrets`,
      )
    }
  }
  if (reading) lines.push(...readingLines(rule, reading, policy))
  return lines
}

const LIMITS: Record<Deks['limit'], string> = {
  age: 'its age ends it',
  messages: 'the number of records ends it',
  bytes: 'their bytes end it',
  provisioned: 'it is provisioned and not renewed',
}

function dekSum({ perDay, sealers, rotations, restarts, limit }: Deks, load: Load): string {
  if (limit === 'provisioned') return '0; all producers seal under the one that is provisioned'
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
      ? `opened under ${rule.decrypt?.cmks.join(', ') ?? ''}; sealed elsewhere, taken for one DEK a day and producer, ${figure(deks.perDay)} with starts`
      : `opened under ${rule.decrypt?.cmks.join(', ') ?? ''}`,
    ...(cmk
      ? [
          `unwraps a day, of all readers: about ${figure(unwrapsPerDay)} under ${cmk.id} (${cmk.kms}), each DEK when first met and every ${timeSpan(policy.cache.ttlMs)} while it seals`,
        ]
      : []),
  ]
}

function kmsLines(
  { vendor, callsPerDay, cmks, quotaShare, dollars, restart }: KmsEstimate,
  load: Load,
): string[] {
  const { billing }: Vendor = VENDORS[vendor]
  const { generate, wrap, unwrap } = callsPerDay
  return [
    `calls a day: ${figure(generate)} to make DEKs, ${figure(wrap)} to wrap, ${figure(unwrap)} to unwrap`,
    ...(billing && quotaShare !== undefined && dollars
      ? [
          `${figure(quotaShare * 100)}% of the quota on average: by default ${figure(billing.quota)} calls a second to a region, all three kinds together`,
          `cost in 30 days: $${figure(dollars.cmks + dollars.calls)} = $${figure(dollars.cmks)} for CMKs (${figure(cmks)} × $${String(billing.dollarsPerCmkAndDay)} a day) + $${figure(dollars.calls)} for calls ($${figure(billing.dollarsPerCall * 10_000)} for 10,000, after the first ${figure(billing.freeCallsPerMonth)} of an account, counted once for all KMSs)`,
          "that is the vendor's list price for paying as you go, not checked against a bill; an edition bought in advance has its own price and quota",
        ]
      : ['no price and no quota']),
    ...(restart.resuming.calls > 0
      ? [
          `all readers start, and go on where they stopped: ${restartLine(restart.resuming, billing?.dollarsPerCall)}`,
          `all readers start, and read ${figure(load.retentionDays)} days again: ${restartLine(restart.rereading, billing?.dollarsPerCall)}`,
        ]
      : []),
  ]
}

function restartLine(
  { calls, deks, budgetSeconds, quotaSeconds }: Restart,
  dollars: number | undefined,
): string {
  return [
    `${figure(calls)} unwraps, ${figure(deks)} each`,
    ...(dollars === undefined ? [] : [`$${figure(calls * dollars)}`]),
    `at least ${figure(budgetSeconds)} s by \`kmsRateLimit\``,
    ...(quotaSeconds === undefined ? [] : [`${figure(quotaSeconds)} s by the quota`]),
  ].join(', ')
}
