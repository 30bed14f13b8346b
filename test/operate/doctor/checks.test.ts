import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { DecryptRule, EncryptRule, TopicRule } from '../../../src/index.js'
import { runChecks } from '../../../src/operate/doctor/checks.js'
import type { Facts } from '../../../src/operate/doctor/facts/facts.js'
import type { CmkTrial, ExcessTrial, KmsFacts } from '../../../src/operate/doctor/facts/kms.js'
import { FINDINGS, type Finding, type FindingId, type Outcome } from '../../../src/operate/doctor/finding.js'
import { CMK, clusterOf, configOf, LETTERS, ORDERS, topicOf, trialOf, WELL } from './some-facts.js'

const findingsOf = (outcomes: readonly Outcome[]): Finding[] =>
  outcomes.flatMap((each) => ('finding' in each ? [each.finding] : []))
const uncheckedOf = (facts: Facts): string[] =>
  runChecks(facts).flatMap((each) =>
    'unchecked' in each ? [`${each.unchecked.area}: ${each.unchecked.text}`] : [],
  )
const fineOf = (facts: Facts): string[] =>
  runChecks(facts).flatMap((each) => ('fine' in each ? [`${each.fine.area}: ${each.fine.text}`] : []))

/** A rule for topic orders. */
const rule = (
  encrypt: Partial<EncryptRule>,
  decrypt: Partial<DecryptRule> = {},
): TopicRule<string, string> => ({
  match: ['orders'],
  encrypt: { cmk: 'main', ...encrypt },
  decrypt: { cmk: 'main', onInvalid: { deadLetter: 'letters' }, ...decrypt },
})
const withRules = (...rules: TopicRule<string, string>[]): Facts => ({ ...WELL, config: configOf(rules) })
const withTopic = (values: Readonly<Record<string, string>>, of = ORDERS): Facts => ({
  ...withRules(of),
  kafka: clusterOf({
    orders: topicOf(values),
    letters: topicOf({
      ...values,
      'max.message.bytes': '9999999',
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
    }),
  }),
})
const withLetters = (values: Readonly<Record<string, string>>): Facts => ({
  ...WELL,
  kafka: clusterOf({ orders: topicOf(), letters: topicOf({ 'max.message.bytes': '1049612', ...values }) }),
})
const withProgram = (program: Partial<Facts['program']>): Facts => ({
  ...WELL,
  program: { ...WELL.program, ...program },
})
const withKms = (kms: Partial<KmsFacts>): Facts => ({ ...WELL, kms: { ...(WELL.kms as KmsFacts), ...kms } })
const failing = (code: EnvelopeError['code'], trial: Partial<CmkTrial> = {}, kmsCode?: string): Facts =>
  withKms({
    trials: [trialOf({ failure: new EnvelopeError(code, 'the call failed', { kmsCode }), ...trial })],
  })
const excess = (trial: Partial<ExcessTrial>): Facts =>
  withKms({
    excess: [
      { kms: 'cloud', cmkId: 'a', provider: 'tencent-kms', use: 'unwrap', answer: 'allowed', ...trial },
    ],
  })
const until = (offset: string, low: string, high: string): Facts => ({
  ...withRules(rule({}, { plaintext: { untilOffsets: { orders: { 0: offset } } } })),
  kafka: clusterOf({
    orders: { ...topicOf({}, 1), offsets: [{ partition: 0, low, high }] },
    letters: LETTERS,
  }),
})

const withOverride = (until: string, action: 'skip' | { deadLetter: string } = 'skip'): Facts => {
  const one = {
    topic: 'orders',
    partition: 0,
    offset: '7',
    code: 'MALFORMED' as const,
    by: 'Ann',
    why: 'a test',
  }
  return { ...WELL, config: configOf([ORDERS], { overrides: [{ ...one, action, until }] }) }
}

/** For each finding of a check, a setup that has it. */
const ILL = {
  'config-invalid': {
    facts: {
      ...WELL,
      config: { issues: [{ path: 'topics[0].match', message: 'expected a list', line: 3, column: 5 }] },
    },
    subject: 'topics[0].match (line 3, column 5)',
  },
  'grace-too-long': {
    facts: withRules(rule({ rotate: { maxAge: '1h', grace: '2h' } })),
    subject: 'topics[0].encrypt.rotate.grace',
  },
  'dek-timeout-too-long': {
    facts: withRules(rule({ dekTimeout: '60s' })),
    subject: 'topics[0].encrypt.dekTimeout',
  },
  'dead-letters-refused': {
    facts: withRules(ORDERS, { match: ['letters'], decrypt: { cmk: 'main' } }),
    subject: 'topics[0].decrypt.onInvalid.deadLetter',
  },
  'tombstones-refused': {
    facts: withRules(rule({}, { tombstones: 'reject' })),
    subject: 'topics[0].decrypt.tombstones',
  },
  'prefetch-off': {
    facts: withRules(rule({ rotate: { prefetch: 0 } })),
    subject: 'topics[0].encrypt.rotate.prefetch',
  },
  'provisioned-dek-ends': {
    facts: withRules(rule({ provisionedDek: { text: 'x' } })),
    subject: 'topics[0].encrypt.provisionedDek',
  },
  'plaintext-accepted': {
    facts: withRules(rule({}, { plaintext: { untilOffsets: { orders: { 0: '5' } } } })),
    subject: 'topics[0].decrypt.plaintext.untilOffsets',
  },
  'cache-outlives-cmk': {
    facts: { ...WELL, config: configOf([ORDERS], { cache: { ttl: '7d' } }) },
    subject: 'cache.ttl',
  },
  'dek-age-long': {
    facts: withRules(rule({ rotate: { maxAge: '32d' } })),
    subject: 'topics[0].encrypt.rotate.maxAge',
  },
  'override-active': { facts: withOverride('2026-06-01T00:00:01Z'), subject: 'overrides[0]' },
  'override-expired': { facts: withOverride('2026-06-01T00:00:00Z'), subject: 'overrides[0]' },
  'node-too-old': { facts: withProgram({ node: '20.18.3' }), subject: 'Node.js 20.18.3' },
  'engine-unusable': {
    facts: withProgram({ engine: { wanted: 'native', problem: 'the native engine cannot be used' } }),
    subject: 'KAFKA_ENVELOPE_ENGINE',
  },
  'native-engine-unusable': {
    facts: withProgram({ engine: { wanted: undefined, problem: 'it has interface 1, not 2' } }),
    subject: 'kafka-envelope-native',
  },
  'kafkajs-unsupported': { facts: withProgram({ kafkaJs: '2.2.3' }), subject: 'KafkaJS 2.2.3' },
  'dek-store-failed': { facts: withProgram({ dekStore: { failure: 'no access' } }), subject: '`dekStore`' },
  'kms-unreachable': { facts: failing('KMS_TIMEOUT'), subject: 'KMS cloud' },
  'kms-denied': { facts: failing('KMS_DENIED'), subject: 'CMK a (cloud)' },
  'cmk-not-found': { facts: failing('CMK_NOT_FOUND'), subject: 'CMK a (cloud)' },
  'cmk-disabled': { facts: failing('CMK_DISABLED'), subject: 'CMK a (cloud)' },
  'cmk-unusable': { facts: failing('CMK_UNUSABLE'), subject: 'CMK a (cloud)' },
  'keyring-exposed': { facts: failing('KEYRING_EXPOSED'), subject: 'KMS cloud' },
  'kms-failed': { facts: failing('KMS_REFUSED'), subject: 'CMK a (cloud)' },
  'clock-refused': {
    facts: failing('KMS_DENIED', {}, 'AuthFailure.SignatureExpire'),
    subject: 'KMS cloud',
  },
  'public-key-refused': {
    facts: withKms({ cmks: [{ ...CMK, publicKeyWraps: true }] }),
    subject: 'rule orders',
  },
  'rule-cannot-read-back': {
    facts: withKms({
      trials: [trialOf(), trialOf({ half: 'decrypt', use: 'unwrap', cmkId: 'b' })],
      cmks: [CMK, { ...CMK, cmkId: 'b' }],
    }),
    subject: 'rule orders',
  },
  'may-unwrap': { facts: excess({}), subject: 'CMK a (cloud)' },
  'may-make-deks': { facts: excess({ use: 'generate' }), subject: 'CMK a (cloud)' },
  'keyring-holds-whole-cmk': {
    facts: excess({ provider: 'local/rsa-oaep-sha256' }),
    subject: 'CMK a (cloud)',
  },
  'kafka-unreachable': { facts: { ...WELL, kafka: { failure: 'connection refused' } }, subject: 'Kafka' },
  'topic-missing': { facts: { ...WELL, kafka: clusterOf({ letters: LETTERS }) }, subject: 'topic orders' },
  'topic-unavailable': {
    facts: {
      ...WELL,
      kafka: clusterOf({
        orders: { ...topicOf(), partitions: [{ partition: 0, leader: -1, replicas: 3, inSync: 0 }] },
        letters: LETTERS,
      }),
    },
    subject: 'topic orders',
  },
  'message-format-old': {
    facts: withTopic({ 'message.format.version': '0.10.2-IV0' }),
    subject: 'topic orders',
  },
  'batch-limit-too-high': { facts: withTopic({ 'max.message.bytes': '1048575' }), subject: 'topic orders' },
  'plaintext-open': { facts: until('11', '0', '10'), subject: 'topic orders' },
  'compacted-without-tombstones': {
    facts: withTopic(
      { 'cleanup.policy': 'compact' },
      rule({ tombstones: 'reject' }, { tombstones: 'reject' }),
    ),
    subject: 'topic orders',
  },
  'batch-limit-low': { facts: withTopic({ 'max.message.bytes': '2097152' }), subject: 'topic orders' },
  'rule-without-topic': {
    facts: withRules(ORDERS, { match: ['carts.*'], passthrough: true }),
    subject: 'rule carts.*',
  },
  'topic-without-rule': {
    facts: {
      ...WELL,
      kafka: clusterOf(
        { orders: topicOf(), letters: LETTERS },
        { names: ['orders', 'letters', 'stray', '__offsets'] },
      ),
    },
    subject: 'topic stray',
  },
  'auto-create-on': {
    facts: {
      ...WELL,
      kafka: clusterOf(
        { orders: topicOf(), letters: LETTERS },
        { broker: { values: { 'auto.create.topics.enable': 'true' } } },
      ),
    },
    subject: 'brokers',
  },
  'kept-forever': { facts: withTopic({ 'retention.ms': '-1' }), subject: 'topic orders' },
  'tombstones-unauthenticated': {
    facts: withTopic({ 'cleanup.policy': 'compact,delete' }),
    subject: 'topic orders',
  },
  'cache-small': {
    facts: { ...WELL, config: configOf([ORDERS], { cache: { maxDeks: 6 } }) },
    subject: 'topic orders',
  },
  'plaintext-over': { facts: until('10', '10', '12'), subject: 'topic orders' },
  'dead-letter-topic-missing': {
    facts: { ...WELL, kafka: clusterOf({ orders: topicOf() }) },
    subject: 'dead-letter topic letters',
  },
  'dead-letter-topic-compacted': {
    facts: withLetters({ 'cleanup.policy': 'compact' }),
    subject: 'dead-letter topic letters',
  },
  'dead-letter-topic-small': {
    facts: withLetters({ 'max.message.bytes': '1049611' }),
    subject: 'dead-letter topic letters',
  },
  'dead-letter-retention-short': {
    facts: withLetters({ 'retention.ms': '604799999' }),
    subject: 'dead-letter topic letters',
  },
  'dead-letter-replication-low': {
    facts: withLetters({ 'min.insync.replicas': '1' }),
    subject: 'dead-letter topic letters',
  },
} satisfies Record<
  Exclude<FindingId, 'canary-failed' | 'clock-skew'>,
  { readonly facts: Facts; readonly subject: string }
>

describe('a setup', () => {
  it('a setup that is well has no finding, and says what was looked at', () => {
    expect(findingsOf(runChecks(WELL))).toEqual([])
    expect(fineOf(WELL)).toEqual([
      'configuration: no mistakes; 1 rule',
      'configuration: rule orders: a new DEK, and so a rotated CMK, within 24h',
      'program: Node.js 22.15.0',
      'program: KafkaJS 2.2.4',
      'program: engine native',
      'program: the `dekStore` can be read',
      'KMS: CMK a (cloud): this process may make DEKs and unwrap DEKs, as the rules need',
      'KMS: CMK b (cloud): this process may not unwrap DEKs, and need not',
      'clock: Tencent Cloud KMS accepts the time of this machine: it is at most five minutes off',
      'Kafka: 3 brokers answer; 2 topics are visible',
      'Kafka: the brokers speak the protocol of Kafka 3.9-IV0',
      'topics: orders: settings suit rule orders',
      'topics: dead-letter topic letters takes and keeps what rule orders sends there',
    ])
    expect(uncheckedOf(WELL)).toEqual([
      'KMS: when the KMS rotates its CMKs: to ask would take a right that no rule needs',
      'KMS: CMKs that no rule names: other',
    ])
  })

  it.each(Object.entries(ILL))(
    'a setup that has %s gets this finding, and is told what to do',
    (id, { facts, subject }) => {
      const found = findingsOf(runChecks(facts)).filter((finding) => finding.id === id)
      expect(found.map((finding) => [finding.subject, finding.severity])).toEqual([
        [subject, FINDINGS[id as FindingId]],
      ])
      for (const { what, remedy } of found)
        for (const text of [what, remedy]) expect(text).toMatch(/^[^a-z].*\.$/)
    },
  )
})

describe('what cannot be checked', () => {
  it('without Kafka, the rest is checked, and it is said what was not', () => {
    const facts: Facts = { ...WELL, kafka: { notAsked: 'brokers and topics: Kafka is not given' } }
    expect(findingsOf(runChecks(facts))).toEqual([])
    expect(uncheckedOf(facts)).toContain('Kafka: brokers and topics: Kafka is not given')
  })

  it('with mistakes in the configuration, versions and brokers are checked all the same', () => {
    const facts: Facts = { ...WELL, ...ILL['config-invalid'].facts, kms: undefined }
    expect(uncheckedOf(facts)).toEqual([
      'KMS: CMKs and rights: the configuration has mistakes',
      'topics: which topics exist, and their settings: the configuration has mistakes',
    ])
    expect(fineOf(facts)).toContain('program: Node.js 22.15.0')
  })

  it('settings and partitions that this user may not see are named, and other topics are checked', () => {
    const hidden = { ...topicOf(), partitions: undefined, settings: { failure: 'not authorized' } }
    const facts: Facts = {
      ...withRules(ORDERS, { match: ['carts'], decrypt: { cmk: 'main' } }),
      kafka: clusterOf(
        { orders: hidden, carts: topicOf(), letters: hidden },
        { broker: { failure: 'not authorized' } },
      ),
    }
    expect(findingsOf(runChecks(facts))).toEqual([])
    expect(uncheckedOf(facts)).toEqual([
      expect.stringContaining('rotates'),
      'KMS: CMKs that no rule names: other',
      'Kafka: the version of the brokers, and whether they create topics by themselves: not authorized',
      'topics: whether the partitions of topic orders have leaders and replicas: the brokers do not say it',
      'topics: whether the partitions of topic letters have leaders and replicas: the brokers do not say it',
      'topics: the settings of topic orders: not authorized',
      'topics: the settings of dead-letter topic letters',
    ])
    expect(fineOf(facts)).toContain('topics: carts: settings suit rule carts')
  })

  it.each([
    ['no topic of the rule was seen', {}, 'none of the topics of the rule was seen'],
    [
      'the settings of a topic are not known',
      { orders: { ...topicOf(), settings: { failure: 'not authorized' } } },
      'not all is known of topic orders',
    ],
    [
      'the replicas of a topic are not known',
      { orders: { ...topicOf(), partitions: undefined } },
      'not all is known of topic orders',
    ],
    [
      'its own replicas are not known',
      { orders: topicOf(), letters: { ...LETTERS, partitions: undefined } },
      'not all is known of dead-letter topic letters',
    ],
  ])('a dead-letter topic is not called in order if %s', (_, topics, why) => {
    const facts: Facts = { ...WELL, kafka: clusterOf({ letters: LETTERS, ...topics }) }
    expect(uncheckedOf(facts)).toContain(
      `topics: whether dead-letter topic letters suits rule orders: ${why}`,
    )
    expect(fineOf(facts)).not.toContainEqual(expect.stringContaining('takes and keeps'))
  })

  it('rights, clock, offsets, handlers, versions and provisioned DEKs that nobody can tell are named', () => {
    const handler = (): 'stop' => 'stop'
    const facts: Facts = {
      ...excess({ answer: 'unknown', why: 'no answer' }),
      config: configOf([
        rule(
          { provisionedDek: { text: 'x' } },
          { onUnreadable: handler, plaintext: { untilOffsets: { orders: { 0: '5' } } } },
        ),
      ]),
      program: { ...WELL.program, kafkaJs: undefined },
    }
    const kms = { ...(facts.kms as KmsFacts), cmks: [{ ...CMK, provider: 'vault-transit' }] }
    expect(uncheckedOf({ ...facts, kms })).toEqual([
      expect.stringContaining('rotates'),
      'program: the version of KafkaJS: it is not installed here',
      'KMS: the provisioned DEK of rule orders: a canary in one of its topics shows whether it seals',
      'KMS: CMKs that no rule names: other',
      'KMS: CMK a (cloud): whether this process may unwrap DEKs, which it need not: no answer',
      'clock: whether the clock of this machine is right: no KMS that answered compares it with its own',
      'topics: whether topic orders may still get plaintext: its offsets are not known',
      'topics: the dead-letter topics that the handler of rule orders may choose',
    ])
  })
})

describe('CMKs', () => {
  const failure = new EnvelopeError('CMK_DISABLED', 'it is disabled')
  const pair = (trial: Partial<CmkTrial>): Facts =>
    withKms({
      trials: [trialOf({ ...trial, failure }), trialOf({ ...trial, cmkId: 'b' })],
      cmks: [CMK, { ...CMK, cmkId: 'b' }],
    })

  it('a CMK that fails is a warning while another of its list does for the rule, and an error otherwise', () => {
    const severities = (facts: Facts): string[] =>
      findingsOf(runChecks(facts)).map(({ id, severity }) => `${id} ${severity}`)
    expect(severities(pair({ suffices: true, half: 'decrypt', use: 'unwrap' }))).toEqual([
      'cmk-disabled warning',
    ])
    expect(severities(pair({ suffices: false }))).toEqual(['cmk-disabled error'])
    expect(
      severities(withKms({ trials: ['a', 'b'].map((cmkId) => trialOf({ cmkId, suffices: true, failure })) })),
    ).toEqual(['cmk-disabled error', 'cmk-disabled error'])
    const otherList = { ...pair({ suffices: true, half: 'decrypt' }) }
    const [first, second] = (otherList.kms as KmsFacts).trials as [CmkTrial, CmkTrial]
    expect(severities(withKms({ trials: [first, { ...second, list: 'other' }] }))).toEqual([
      'cmk-disabled error',
    ])
  })

  it('all rules and uses that a KMS fails are in one finding', () => {
    const away = new EnvelopeError('KMS_UNAVAILABLE', 'no answer')
    const trials = [
      trialOf({ failure: away }),
      trialOf({ failure: away, rule: 'carts' }),
      trialOf({ failure: away, use: 'unwrap', half: 'decrypt', cmkId: 'b' }),
    ]
    expect(findingsOf(runChecks(withKms({ trials }))).map(({ subject, what }) => [subject, what])).toEqual([
      ['KMS cloud', 'Rules orders, carts cannot make DEKs, and rule orders cannot unwrap DEKs: no answer.'],
    ])
  })

  it('a CMK that unwraps for the one that seals lets the rule read back', () => {
    const ill = ILL['rule-cannot-read-back'].facts
    const cmks = [CMK, { ...CMK, cmkId: 'b', unwrapsFor: (id: string) => id === 'a' }]
    expect(findingsOf(runChecks({ ...ill, kms: { ...(ill.kms as KmsFacts), cmks } }))).toEqual([])
  })

  it('a public key that the rule accepts is no finding', () => {
    const config = configOf([rule({}, { acceptPublicKeySealing: true })])
    expect(findingsOf(runChecks({ ...ILL['public-key-refused'].facts, config }))).toEqual([])
  })
})

describe('topics', () => {
  it('only the topics that the user named are looked at, and a name that no rule matches is told', () => {
    const facts: Facts = { ...withTopic({ 'max.message.bytes': '10' }), topics: ['stray'] }
    const cluster = clusterOf({ orders: topicOf() }, { names: ['orders', 'stray'] })
    expect(
      findingsOf(runChecks({ ...facts, kafka: cluster })).map(({ id, subject }) => [id, subject]),
    ).toEqual([['topic-without-rule', 'topic stray']])
    expect(
      findingsOf(runChecks({ ...facts, topics: ['ordrs'] })).map(({ id, subject }) => [id, subject]),
    ).toEqual([['topic-missing', 'topic ordrs']])
  })

  it('the defaults of Kafka and of a rule fit, though they differ by 12 bytes', () => {
    expect(findingsOf(runChecks(withTopic({ 'max.message.bytes': '1048576' })))).toEqual([])
    expect(findingsOf(runChecks(withTopic({ 'max.message.bytes': '1049600' })))).toEqual([])
    expect(findingsOf(runChecks(withTopic({ 'max.message.bytes': '1049601' }))).map(({ id }) => id)).toEqual([
      'batch-limit-low',
    ])
  })

  it('a topic with fewer replicas in sync than it asks for cannot be written to', () => {
    const partitions = [{ partition: 3, leader: 1, replicas: 3, inSync: 1 }]
    const kafka = clusterOf({ orders: { ...topicOf(), partitions }, letters: LETTERS })
    expect(findingsOf(runChecks({ ...WELL, kafka })).map(({ id, what }) => `${id}: ${what}`)).toEqual([
      'topic-unavailable: Partition 3 has fewer replicas in sync than min.insync.replicas (2), so sends with acks=all fail.',
    ])
  })

  it('retention by size alone keeps no record for ever', () => {
    expect(findingsOf(runChecks(withTopic({ 'retention.ms': '-1', 'retention.bytes': '1000' })))).toEqual([])
  })

  it('a dead-letter topic with fewer replicas than its source loses letters more easily', () => {
    const letters = { ...LETTERS, partitions: [{ partition: 0, leader: 1, replicas: 2, inSync: 2 }] }
    expect(
      findingsOf(runChecks({ ...WELL, kafka: clusterOf({ orders: topicOf(), letters }) })),
    ).toMatchObject([{ id: 'dead-letter-replication-low', remedy: 'Give it 3 replicas.' }])
  })

  it('a dead letter that is gone before its record, which its topic keeps for ever, is told', () => {
    const kafka = clusterOf({ orders: topicOf({ 'retention.ms': '-1' }), letters: LETTERS })
    expect(findingsOf(runChecks({ ...WELL, kafka })).map(({ id }) => id)).toEqual([
      'kept-forever',
      'dead-letter-retention-short',
    ])
  })

  it('a topic to which an override sends a dead letter has to exist, too', () => {
    const facts = withOverride('2026-06-01T00:00:01Z', { deadLetter: 'drawer' })
    expect(findingsOf(runChecks(facts)).map(({ id, subject }) => [id, subject])).toEqual([
      ['override-active', 'overrides[0]'],
      ['dead-letter-topic-missing', 'dead-letter topic drawer'],
    ])
  })

  it('plaintext up to the present end of a partition is no finding beyond the migration itself', () => {
    expect(findingsOf(runChecks(until('10', '3', '10'))).map(({ id }) => id)).toEqual(['plaintext-accepted'])
  })
})

describe('the program', () => {
  it.each(['20.19.0', '20.20.1', '22.0.0', '26.1.0'])('Node.js %s is new enough', (node) => {
    expect(findingsOf(runChecks(withProgram({ node })))).toEqual([])
  })
  it.each(['3.0.0', '1.16.0', '2.1.9'])('KafkaJS %s is not supported', (kafkaJs) => {
    expect(findingsOf(runChecks(withProgram({ kafkaJs }))).map(({ id }) => id)).toEqual([
      'kafkajs-unsupported',
    ])
  })
  it('the engine on node:crypto is in order if nobody installed another, or if it was chosen', () => {
    const missing = { wanted: undefined, problem: 'kafka-envelope-native is not installed' }
    expect(fineOf(withProgram({ engine: missing }))).toContain(
      'program: engine node; kafka-envelope-native is not installed',
    )
    expect(fineOf(withProgram({ engine: { wanted: 'node' } }))).toContain(
      'program: engine node, as KAFKA_ENVELOPE_ENGINE says',
    )
  })
})
