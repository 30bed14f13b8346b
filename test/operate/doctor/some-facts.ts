import { checkConfig } from '../../../src/config/check.js'
import type { EncryptionConfig, TopicRule } from '../../../src/index.js'
import type { ClusterFacts, TopicFacts } from '../../../src/operate/doctor/facts/cluster.js'
import type { Facts } from '../../../src/operate/doctor/facts/facts.js'
import type { CmkTrial, KmsFacts } from '../../../src/operate/doctor/facts/kms.js'
import { MemoryKms } from '../../support/memory-kms.js'

export const ORDERS: TopicRule<string, string> = {
  match: ['orders'],
  encrypt: { cmk: 'main' },
  decrypt: { cmk: 'main', onInvalid: { deadLetter: 'letters' } },
}

export function configOf(
  topics: readonly TopicRule<string, string>[],
  rest: Partial<EncryptionConfig> = {},
): Facts['config'] {
  const config: EncryptionConfig = {
    kms: { cloud: new MemoryKms() },
    cmks: { main: [{ kms: 'cloud', id: 'a' }], other: [{ kms: 'cloud', id: 'b' }] },
    topics,
    ...rest,
  }
  return { checked: checkConfig(config) }
}

/** A topic with these settings instead of harmless ones. */
export function topicOf(values: Readonly<Record<string, string>> = {}, partitions = 2): TopicFacts {
  return {
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      ...{ partition, leader: 1, replicas: 3, inSync: 3 },
    })),
    settings: {
      values: {
        'cleanup.policy': 'delete',
        'retention.ms': '604800000',
        'max.message.bytes': '1048588',
        'min.insync.replicas': '2',
        ...values,
      },
    },
  }
}

export const LETTERS = topicOf({ 'max.message.bytes': '1049612' })

export function clusterOf(
  topics: Readonly<Record<string, TopicFacts>>,
  rest: Partial<ClusterFacts> = {},
): Facts['kafka'] {
  return {
    cluster: {
      brokers: 3,
      names: Object.keys(topics),
      topics: new Map(Object.entries(topics)),
      broker: {
        values: { 'auto.create.topics.enable': 'false', 'inter.broker.protocol.version': '3.9-IV0' },
      },
      ...rest,
    },
  }
}

export function trialOf(trial: Partial<CmkTrial> = {}): CmkTrial {
  return {
    rule: 'orders',
    half: 'encrypt',
    list: 'main',
    suffices: false,
    kms: 'cloud',
    cmkId: 'a',
    use: 'generate',
    ...trial,
  }
}

export const CMK: KmsFacts['cmks'][number] = {
  kms: 'cloud',
  cmkId: 'a',
  provider: 'tencent-kms',
  publicKeyWraps: false,
  unwrapsFor: () => false,
}

/** A setup that is well. */
export const WELL: Facts = {
  program: {
    node: '22.15.0',
    kafkaJs: '2.2.4',
    engine: { wanted: undefined },
    dekStore: {},
  },
  config: configOf([ORDERS]),
  kms: {
    trials: [trialOf(), trialOf({ half: 'decrypt', use: 'unwrap', suffices: true })],
    excess: [{ kms: 'cloud', cmkId: 'b', provider: 'tencent-kms', use: 'unwrap', answer: 'denied' }],
    cmks: [CMK],
  },
  kafka: clusterOf({ orders: topicOf(), letters: LETTERS }),
  nowMs: Date.parse('2026-06-01T00:00:00Z'),
  topics: [],
}
