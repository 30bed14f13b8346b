import { describe, expect, it } from 'vitest'
import type { Load } from '../../../src/cli/estimate/dek-counts.js'
import { estimate } from '../../../src/cli/estimate/estimate.js'
import { explain } from '../../../src/cli/estimate/explain.js'
import { VENDORS, type VendorName } from '../../../src/cli/estimate/kms-pricing.js'
import { kmsInFileSchema } from '../../../src/config-file/providers.js'
import { checkFile } from '../../../src/config/check.js'
import { show } from '../../../src/config/paths.js'

const LOAD: Load = {
  producers: 10,
  restartsPerDay: 0,
  readers: 100,
  recordsPerDay: 1_000_000,
  recordBytes: 1000,
  retentionDays: 7,
  dekStore: false,
}

/** The lines about a KMS of this kind, which makes 240 DEKs a day that each of 100 readers unwraps once. */
function linesOf(vendor: VendorName): string {
  const { checked: policy } = checkFile(
    {
      version: 1,
      cmks: { main: [{ kms: 'one', id: 'orders' }] },
      topics: [
        {
          match: ['orders'],
          encrypt: { cmk: 'main', rotate: { maxAge: '1h', prefetch: 0 } },
          decrypt: { cmk: 'main' },
        },
      ],
    },
    { kmsInFile: kmsInFileSchema(new Map()), kms: {}, mayHaveMore: true, showing: show },
  )
  if (policy === undefined) throw new Error('not a configuration')
  const estimated = estimate(policy, LOAD, [], { one: vendor })
  const text = explain('file', { policy, load: LOAD, dictionaries: [], estimated, found: [], nowMs: 0 })
  return text.slice(text.indexOf('\nKMS one'), text.indexOf('\nNo warnings'))
}

describe('the explanation of a KMS', () => {
  it.each<[VendorName, string[]]>([
    [
      'tencent',
      [
        'calls a day: 240 to make DEKs, 0 to wrap, 24,000 to unwrap',
        '0.094% of the quota on average (default: 300 calls a second for a region)',
        'cost in 30 days: $14.53 = $1.80 for CMKs (1 × $1.80) + $12.73 for calls ($0.18 for 10,000, after 20,000 free calls per account, deducted once for all entries under `kms`)',
        'a prepaid edition has its own price and quota',
        '1,000 unwraps, 10 per reader, $0.02, at least 3.3 s with the quota',
      ],
    ],
    [
      'aws',
      [
        'less than 0.01% of the quota',
        'cost in 30 days: $3.12 = $1.00 for CMKs (1 × $1.00) + $2.12 for calls ($0.03 for 10,000, after 20,000',
        '1,000 unwraps, 10 per reader, less than $0.01\n',
      ],
    ],
    [
      'gcp',
      [
        '(default: 1,000 calls a second for a project)',
        'cost in 30 days: $2.24 = $0.06 for CMKs (1 × $0.06) + $2.18 for calls ($0.03 for 10,000)\n',
      ],
    ],
    [
      'azure',
      [
        'calls a day: at most 240 to fetch the public key, which wraps DEKs in the process, 24,000 to unwrap',
        '(default: 400 calls a second for a vault)',
        'cost in 30 days: $2.18 for calls ($0.03 for 10,000)\n',
      ],
    ],
    ['azure-hsm', ['the pool of HSMs is billed by the hour', '1,000 unwraps, 10 per reader\n']],
    ['vault', ['calls have no price; who runs the service decides how many it takes']],
    ['local', ['no cost and no quota']],
  ])('the explanation of a KMS of the kind %s says what is billed and limited', (vendor, expected) => {
    const lines = linesOf(vendor)
    expect(lines).toContain(`KMS one (assumed to be ${VENDORS[vendor].title})`)
    for (const each of expected) expect(lines).toContain(each)
  })

  it.each(Object.keys(VENDORS) as VendorName[])(
    'the explanation of a KMS of the kind %s has whole cents, and no nothing',
    (vendor) => {
      const lines = linesOf(vendor)
      for (const [amount] of lines.matchAll(/\$[\d.,]+\d/g)) expect(amount).toMatch(/^\$[\d,]+\.\d\d$/)
      expect(lines).not.toMatch(/after 0 free|× \$0\.00|\b0 s\b|e-\d|undefined/)
    },
  )
})
