import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createEncryption,
  type ConfigIssue,
  type EncryptRule,
  type TopicRule,
  type EncryptedTopicRule,
  type DecryptRule,
  type EncryptionConfig,
} from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import { checkFile } from '../../../src/config/check.js'
import type { CheckedFile } from '../../../src/config/checked.js'
import type { ConfigFile } from '../../../src/config-file/config-file.js'
import { kmsInFileSchema } from '../../../src/config-file/providers.js'
import type { Load } from '../../../src/cli/estimate/dek-counts.js'
import { estimate } from '../../../src/cli/estimate/estimate.js'
import { byteCount, figure, money, percent, timeSpan } from '../../../src/cli/estimate/format-units.js'
import { show } from '../../../src/config/paths.js'
import { vendorOf } from '../../../src/cli/estimate/kms-pricing.js'
import { warnings } from '../../../src/cli/estimate/warnings.js'
import { sealRecords } from '../../../src/record/index.js'

const LOAD: Load = {
  producers: 100,
  restartsPerDay: 0,
  readers: 10,
  recordsPerDay: 1_000_000,
  recordBytes: 1000,
  retentionDays: 7,
  dekStore: false,
}
const GZ = { kms: 'gz', id: 'ap-guangzhou/1' }
const SH = { kms: 'sh', id: 'ap-shanghai/1' }

function policyOf(topics: readonly TopicRule[], rest: Partial<ConfigFile> = {}): CheckedFile {
  const { issues, checked } = checkFile(
    { version: 1, cmks: { main: [GZ, SH] }, topics, ...rest },
    { kmsInFile: kmsInFileSchema(new Map()), kms: {}, mayHaveMore: true, showing: show },
  )
  expect(issues).toEqual<ConfigIssue[]>([])
  return checked as CheckedFile
}

const rule = (encrypt: Partial<EncryptRule> = {}): EncryptedTopicRule => ({
  match: ['a.*'],
  encrypt: { cmk: 'main', ...encrypt },
  decrypt: { cmk: 'main' },
})
/** So that only the age of DEKs counts. */
const exact = { prefetch: 0 }

describe('the DEKs of a day', () => {
  const deks = (encrypt: Partial<EncryptRule>, load: Partial<Load> = {}, topics: string[] = []) =>
    estimate(policyOf([rule(encrypt)]), { ...LOAD, ...load }, topics, {}).rules[0]?.sealing?.deks

  it('the DEKs of a day follow from the limit that comes first, for each producer', () => {
    // The example of the README: 100 producers that rotate hourly leave 16,800 DEKs a week.
    expect(deks({ rotate: { maxAge: '1h', ...exact } })).toMatchObject({ perDay: 2400, limit: 'age' })
    expect(deks({ rotate: { maxAge: '7d', ...exact } })?.perDay).toBeCloseTo(100 / 7)
    // 10,000 records of each producer, 1,000 of them to a DEK.
    expect(deks({ rotate: { maxMessages: 1000, ...exact } })).toMatchObject({
      perDay: 1000,
      limit: 'messages',
    })
    // 10,000,000 bytes of each producer, 1 MiB to a DEK.
    expect(deks({ rotate: { maxBytes: '1MiB', ...exact } })).toMatchObject({
      limit: 'bytes',
      rotations: 1e7 / 2 ** 20,
    })
  })

  it('the DEKs of a day are more with prefetch, which takes a part of their age', () => {
    // Every 1440 - 0.75 × 40 minutes.
    expect(deks({ rotate: { maxAge: '24h', prefetch: '40m' } })?.perDay).toBeCloseTo((100 * 1440) / 1410)
  })

  it('the DEKs of a day include one for each start, unless a store keeps them: then one is unwrapped', () => {
    const rotate = { maxAge: '24h', ...exact } as const
    expect(deks({ rotate }, { restartsPerDay: 3 })).toMatchObject({ perDay: 400, reopened: 0 })
    expect(deks({ rotate }, { restartsPerDay: 3, dekStore: true })).toMatchObject({
      perDay: 100,
      reopened: 300,
    })
  })

  it('the DEKs of a day are counted for each topic if the rule says so, with the records spread over the topics', () => {
    const topics = ['a.1', 'a.2', 'a.3', 'a.4']
    expect(deks({ dekScope: 'topic', rotate: exact }, {}, [...topics, 'other'])).toMatchObject({
      perDay: 400,
      sealers: 400,
    })
    expect(deks({ dekScope: 'topic', rotate: { maxMessages: 1000, ...exact } }, {}, topics)).toMatchObject({
      perDay: 1000,
    })
    expect(deks({ rotate: exact }, {}, topics)).toMatchObject({ perDay: 100, sealers: 100 })
  })

  it('the DEKs of a day are none if the DEK is provisioned; each start unwraps it', () => {
    expect(deks({ provisionedDek: { text: 'x' } }, { restartsPerDay: 2 })).toMatchObject({
      perDay: 0,
      sealers: 1,
      limit: 'provisioned',
      reopened: 200,
    })
  })
})

describe('the calls to a KMS', () => {
  const kmses = (topics: readonly TopicRule[], load: Partial<Load> = {}, rest: Partial<ConfigFile> = {}) =>
    Object.fromEntries(
      estimate(policyOf(topics, rest), { ...LOAD, ...load }, [], {}).kmses.map((kms) => [kms.name, kms]),
    )

  it('the calls to a KMS make a DEK at the first CMK, wrap it at the others, and unwrap it at the one that readers prefer', () => {
    const { gz, sh } = kmses([rule({ rotate: { maxAge: '1h', ...exact } })])
    // A reader unwraps each of the 2,400 once: they live as long as its cache keeps them, 1 hour.
    expect(gz?.callsPerDay).toEqual({ generate: 2400, wrap: 0, unwrap: 24_000 })
    expect(sh?.callsPerDay).toEqual({ generate: 0, wrap: 2400, unwrap: 0 })
    const other = kmses(
      [{ ...rule({ rotate: { maxAge: '1h', ...exact } }), decrypt: { cmk: 'far' } }],
      {},
      { cmks: { main: [GZ, SH], far: [SH, GZ] } },
    )
    expect(other['sh']?.callsPerDay).toEqual({ generate: 0, wrap: 2400, unwrap: 24_000 })
  })

  it('the calls to a KMS include unwrapping a DEK again whenever the cache of a reader has dropped it', () => {
    const { gz } = kmses([rule({ rotate: exact })])
    // 100 DEKs that live a day, 24 times an hour.
    expect(gz?.callsPerDay).toEqual({ generate: 100, wrap: 0, unwrap: 24_000 })
    expect(kmses([rule({ rotate: exact })], {}, { cache: { ttl: '7d' } })['gz']?.callsPerDay.unwrap).toBe(
      1000,
    )
  })

  it('the calls to a KMS cost the price of the vendor, and use a share of its quota', () => {
    const { gz } = kmses([rule({ rotate: { maxAge: '1h', ...exact } })])
    expect(gz?.dollars?.cmks).toBeCloseTo(30 * 0.06)
    const few = kmses([rule({ rotate: exact })], { producers: 1, readers: 1 })
    expect(few['gz']?.dollars?.calls).toBe(0)
    // The first 20,000 of a month are free.
    expect(gz?.dollars?.calls).toBeCloseTo(((26_400 * 30 - 20_000) * 0.18) / 10_000)
    // Making, wrapping and unwrapping share one quota.
    expect(gz?.quotaShare).toBeCloseTo(26_400 / 86_400 / 300)
    const local = kmses(
      [{ match: ['a'], encrypt: { cmk: 'main' } }],
      {},
      { cmks: { main: [{ kms: 'dev', id: 'x' }] } },
    )
    expect(local['dev']).not.toHaveProperty('dollars')
    expect(local['dev']).toMatchObject({ vendor: 'local' })
    const stated = estimate(policyOf([rule()]), LOAD, [], { gz: 'local' }).kmses
    expect(stated.map(({ vendor }) => vendor)).toEqual(['local', 'tencent'])
  })

  it('the calls to a KMS count the free calls of an account once, however many KMS entries there are', () => {
    const { gz, sh } = kmses([rule({ rotate: exact })], { producers: 10, readers: 1 })
    // 10 DEKs a day, each unwrapped 24 times: 7,500 calls a month. 12,500 free ones are left for the 300 of the other.
    expect([gz?.dollars?.calls, sh?.dollars?.calls]).toEqual([0, 0])
    const many = kmses([rule({ rotate: { maxAge: '1h', ...exact } })], { producers: 100, readers: 10 })
    // 100 × 24 DEKs a day: all free calls go to the first.
    expect(many['sh']?.dollars?.calls).toBeCloseTo((2400 * 30 * 0.18) / 10_000)
  })

  it('the calls to a KMS of all readers that start unwrap the DEKs in use, or all DEKs that topics keep', () => {
    const { gz, sh } = kmses([rule({ rotate: { maxAge: '1h', ...exact } })])
    expect(gz?.restart).toEqual({
      resuming: { calls: 1000, deks: 100, rateLimitSeconds: 0, quotaSeconds: 1000 / 300 },
      // 16,800 a reader: 300 at once, then 100 a second.
      rereading: { calls: 168_000, deks: 16_800, rateLimitSeconds: 165, quotaSeconds: 560 },
    })
    expect(sh?.restart.rereading.calls).toBe(0)
  })

  it('the calls to a KMS include unwrapping under a replica of the key that sealed', () => {
    const arn = (region: string, key: string) => `arn:aws:kms:${region}:111122223333:key/${key}`
    const read = (id: string, kms = 'eu') => {
      const cmks = { main: [{ kms: 'us', id: arn('us-east-1', 'mrk-1') }], far: [{ kms, id }] }
      const policy = policyOf([{ ...rule({ rotate: exact }), decrypt: { cmk: 'far' } }], { cmks })
      const found = estimate(policy, LOAD, [], {})
      const unwrap = found.kmses.find(({ name }) => name === kms)?.callsPerDay.unwrap
      return {
        unwrap,
        cannot: warnings(policy, LOAD, found).some(({ path }) => path.endsWith('decrypt.cmk')),
      }
    }
    expect(read(arn('eu-west-1', 'mrk-1'))).toEqual({ unwrap: 24_000, cannot: false })
    expect(read(arn('eu-west-1', 'mrk-1'), 'us')).toEqual({ unwrap: 24_000, cannot: false })
    for (const other of [arn('eu-west-1', 'mrk-2'), arn('eu-west-1', '1'), 'ap-guangzhou/1'])
      expect(read(other)).toEqual({ unwrap: 0, cannot: true })
  })

  it('the calls to a KMS of records that are sealed elsewhere are estimated with the default rotation', () => {
    const { gz } = kmses([{ match: ['a'], decrypt: { cmk: 'main' } }])
    expect(gz?.callsPerDay).toMatchObject({ generate: 0, unwrap: 24_000 })
    expect(gz?.restart.resuming.deks).toBe(100)
  })

  it('the calls to a KMS are none for rules without encryption', () => {
    expect(kmses([{ match: ['a'], passthrough: true }])['gz']?.callsPerDay).toEqual({
      generate: 0,
      wrap: 0,
      unwrap: 0,
    })
  })
})

it('a topic matches the rule that producers and consumers would find', () => {
  const policy = policyOf([rule(), { match: ['a.b'], passthrough: true }])
  const { topics } = estimate(policy, LOAD, ['a.a', 'a.b', 'b'], {})
  expect(topics.map(({ rule: found }) => found?.name)).toEqual(['a.*', 'a.b', undefined])
})

describe('the overhead of a record', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-overhead-'))
    await createKeyring(
      join(folder, 'k'),
      ['x', 'a-much-longer-name-of-a-cmk'].map((id) => ({ id, type: 'aes-256' })),
    )
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each<[string, Partial<EncryptRule>]>([
    ['the defaults', {}],
    ['two CMKs', { cmk: 'both' }],
    ['bound headers', { bindHeaders: ['type', 'ü', 'x'.repeat(200)] }],
    ['a context', { context: { app: 'pay', 'x:long': 'v'.repeat(100) } }],
    [
      'all of it',
      {
        cmk: 'both',
        bindHeaders: Array.from({ length: 32 }, (_, i) => `header-${String(i)}`),
        context: Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`k${String(i)}`, 'v'])),
      },
    ],
  ])('the overhead of a record equals that of records that are really sealed: %s', async (_, encrypt) => {
    const cmks = {
      one: [{ kms: 'dev', id: 'x' }],
      both: [
        { kms: 'dev', id: 'x' },
        { kms: 'dev', id: 'a-much-longer-name-of-a-cmk' },
      ],
    }
    const topics = [{ match: ['*'], encrypt: { cmk: 'one', ...encrypt } } as const]
    const config: EncryptionConfig = { kms: { dev: localKms({ keyring: join(folder, 'k') }) }, cmks, topics }
    const encryption = await createEncryption(config)
    for (const [topic, recordBytes] of [
      ['a', 0],
      ['orders', 63],
      ['orders', 64],
      ['t'.repeat(249), 8191],
      ['t'.repeat(63), 8192],
      ['t'.repeat(64), 500_000],
    ] as const) {
      const [sealed] = await sealRecords(encryption, [
        { topic, value: Buffer.alloc(recordBytes), headers: {} },
      ])
      const policy = policyOf(topics, { cmks })
      const { rules } = estimate(policy, { ...LOAD, recordBytes }, [topic], {})
      expect(rules[0]?.sealing?.overhead).toEqual([
        { topic, bytes: (sealed?.value?.length ?? 0) - recordBytes },
      ])
    }
    await encryption.close()
  })

  it('the overhead of a record is about 400 bytes with one wrapping of Tencent', () => {
    const { rules } = estimate(
      policyOf([{ match: ['orders'], encrypt: { cmk: 'one' } }], {
        cmks: { one: [{ kms: 'gz', id: 'ap-guangzhou/12345678-1234-1234-1234-123456789012' }] },
      }),
      LOAD,
      [],
      {},
    )
    expect(rules[0]?.sealing?.overhead).toEqual([{ topic: 'orders', bytes: 378 }])
  })
})

describe('a warning', () => {
  const found = (
    topics: readonly TopicRule[],
    load: Partial<Load> = {},
    rest: Partial<ConfigFile> = {},
  ): string[] => {
    const policy = policyOf(topics, rest)
    const all = { ...LOAD, ...load }
    return warnings(policy, all, estimate(policy, all, [], {})).map(
      ({ path, message }) => `${path}: ${message}`,
    )
  }
  const both = (encrypt: Partial<EncryptRule>, decrypt: Partial<DecryptRule> = {}): TopicRule => ({
    match: ['a.*'],
    encrypt: { cmk: 'main', ...encrypt },
    decrypt: { cmk: 'main', ...decrypt },
  })

  it('a warning is not given for a harmless configuration', () => {
    expect(found([rule()], { readers: 3 })).toEqual([])
    expect(found([rule({ rotate: { maxAge: '24h', grace: '24h' } })], { readers: 3 })).toEqual([])
    expect(found([{ match: ['a'], passthrough: true }])).toEqual([])
  })

  it.each<[string, readonly TopicRule[], string, Partial<Load>?, Partial<ConfigFile>?]>([
    [
      'rotation by the minute with 100 producers',
      [rule({ rotate: { maxAge: '1m', ...exact } })],
      'topics[0].encrypt.rotate.maxAge: 144,000 DEKs a day, and every reader must unwrap each of them: raise the limits of a DEK',
    ],
    [
      'starts instead of rotation',
      [rule()],
      'topics[0].encrypt.rotate.maxAge: 20,101 DEKs a day, and every reader must unwrap each of them: a `dekStore` keeps DEKs across restarts',
      { restartsPerDay: 200 },
    ],
    [
      'one key for each record',
      [rule({ rotate: { maxMessages: 1, allowFrequentRotation: true } })],
      'topics[0].encrypt.rotate: each producer needs 116 DEKs a second, but `kmsRateLimit.sealing` allows 50 calls: sends will wait and fail',
      { recordsPerDay: 1e9 },
    ],
    [
      'grace longer than the age',
      [rule({ rotate: { maxAge: '1h', grace: '2h' } })],
      'topics[0].encrypt.rotate.grace: is longer than `maxAge`: in an outage a DEK would be used for more than twice its maximum age, 3h instead of 1h; make it shorter than `maxAge`',
    ],
    [
      'a cache smaller than the DEKs of a day',
      [rule({ rotate: { maxAge: '1h', ...exact } })],
      'cache.maxDeks: 2,399 is less than the 2,400 DEKs of a day: a reader that rereads a day unwraps many of them more than once',
      {},
      { cache: { maxDeks: 2399 } },
    ],
    [
      'a cache that outlives revocation',
      [rule()],
      'cache.ttl: readers can go on decrypting for 7d after a CMK is disabled; shorten it, unless that is intended',
      {},
      { cache: { ttl: '7d' } },
    ],
    [
      'no prefetch',
      [rule({ rotate: exact })],
      'topics[0].encrypt.rotate.prefetch: sends wait for the KMS whenever a DEK reaches a limit; leave `prefetch` out, unless that is intended',
    ],
    [
      'waiting longer than a transaction',
      [rule({ dekTimeout: '60s' })],
      "topics[0].encrypt.dekTimeout: is as long as a producer's transactions may take (60s by default): brokers abort a transaction that waits that long; make it shorter, or the `transactionTimeout` of producers longer",
    ],
    [
      'records too large to be sent',
      [rule()],
      'topics[0].encrypt.maxBatchBytes: a record of 1,048,500 bytes takes 1,049,079 bytes encrypted and cannot be sent',
      { recordBytes: 1_048_500 },
    ],
    [
      'a provisioned DEK',
      [rule({ provisionedDek: { text: 'x' } })],
      'topics[0].encrypt.provisionedDek: is not renewed: sends fail 24h after it was created, or at another limit; replace it before then',
    ],
    [
      'plaintext that is still accepted',
      [both({}, { plaintext: { untilOffsets: { 'a.b': { 0: '5' } } } })],
      'topics[0].decrypt.plaintext.untilOffsets: plaintext in a.b is accepted below these offsets; remove this after the migration',
    ],
    [
      'dead letters that their reader refuses',
      [
        both({}, { onInvalid: { deadLetter: 'dlq' } }),
        { match: ['dlq'], decrypt: { cmk: 'main', originalTopics: ['b.*'] } },
      ],
      'topics[0].decrypt.onInvalid.deadLetter: the rule that reads dlq refuses records that were sealed for a.*; add them to its `originalTopics`',
    ],
    [
      'other CMKs to read than to seal',
      [both({}, { cmk: 'far' })],
      'topics[0].decrypt.cmk: has none of the CMKs of `main`: this rule cannot decrypt what it encrypts',
      {},
      { cmks: { main: [GZ], far: [SH] } },
    ],
    [
      'null values that are refused',
      [both({}, { tombstones: 'reject' })],
      'topics[0].decrypt.tombstones: null values are sent, but refused on reading; set `tombstones` of `encrypt` and `decrypt` to the same',
    ],
    [
      'readers that exceed the quota',
      [rule()],
      'kmsRateLimit.opening.perSecond: 10 readers that start together, each with 100 calls a second, exceed the 300 that Tencent Cloud KMS allows (gz): set at most 30',
    ],
  ])('a warning is given for %s', (_, topics, expected, load = {}, rest = {}) => {
    expect(found(topics, load, rest)).toContain(expected)
  })

  it('a warning is not given for dead letters that their reader accepts', () => {
    const dlq = (...originalTopics: string[]): TopicRule[] => [
      both({}, { onInvalid: { deadLetter: 'dlq' } }),
      { match: ['dlq'], decrypt: { cmk: 'main', originalTopics } },
    ]
    for (const origin of ['a.*', 'a*']) expect(found(dlq(origin), { readers: 1 })).toEqual([])
  })
})

it('numbers are printed with few digits', () => {
  expect([0, 0.000_123, 1.26, 9.99, 10, 1234.5, 1e6].map(figure)).toEqual([
    '0',
    '0.00012',
    '1.3',
    '10',
    '10',
    '1,235',
    '1,000,000',
  ])
  expect([500, 90_000, 86_400_000, 172_800_000, 3_600_001].map(timeSpan)).toEqual([
    '500ms',
    '90s',
    '24h',
    '2d',
    '3,600,001ms',
  ])
  expect([0, 0.001, 0.013, 1 / 30, 1.8, 1234.567].map(money)).toEqual([
    '$0.00',
    'less than $0.01',
    '$0.01',
    '$0.03',
    '$1.80',
    '$1,234.57',
  ])
  expect([0, 8e-9, 0.0126, 1.5].map(percent)).toEqual(['0%', 'less than 0.01%', '1.3%', '150%'])
  expect([1, 2 ** 36, 1500].map(byteCount)).toEqual(['1B', '64GiB', '1,500B'])
})

it('a KMS is recognised by the form of the ids of its CMKs', () => {
  expect(
    [
      ['ap-guangzhou/1'],
      ['ap-guangzhou/1', 'na-siliconvalley/x'],
      ['orders'],
      ['a/b'],
      [],
      ['ap-guangzhou/1', 'x'],
      ['projects/p/locations/global/keyRings/r/cryptoKeys/k'],
      ['projects/p/locations/global/keyRings/r/cryptoKeys/k', 'ap-guangzhou/1'],
      ['transit.vault.example.com/orders', 'vault.example/a_b.c'],
      ['transit.vault.example.com/orders', 'ap-guangzhou/1'],
      ['arn:aws:kms:eu-west-1:111122223333:key/1', 'arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1'],
      ['arn:aws:kms:eu-west-1:111122223333:key/1', 'orders'],
      ['https://acme.vault.azure.net/keys/orders', 'https://acme.vault.azure.cn/keys/orders'],
      ['https://acme.managedhsm.azure.net/keys/orders'],
      ['https://acme.vault.azure.net/keys/orders', 'https://acme.managedhsm.azure.net/keys/orders'],
      ['pkcs11:token=payments;object=orders'],
    ].map(vendorOf),
  ).toEqual([
    'tencent',
    'tencent',
    'local',
    'local',
    'local',
    'local',
    'gcp',
    'local',
    'vault',
    'local',
    'aws',
    'local',
    'azure',
    'azure-hsm',
    'local',
    'pkcs11',
  ])
})
