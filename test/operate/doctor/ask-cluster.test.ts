import type { Kafka } from 'kafkajs'
import { expect, it } from 'vitest'
import { askCluster } from '../../../src/operate/doctor/facts/cluster.js'

interface Resource {
  readonly type: number
  readonly name: string
}

/** A cluster of one broker whose requests fail as a whole if they name a topic that refuses. */
function clusterWith(
  topics: readonly string[],
  refuses: { metadata?: string; settings?: string; broker?: true },
): Kafka {
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    describeCluster: () => Promise.resolve({ brokers: [{ nodeId: 7 }] }),
    listTopics: () => Promise.resolve([...topics]),
    fetchTopicMetadata: ({ topics: asked }: { topics: string[] }) =>
      asked.includes(refuses.metadata ?? '')
        ? Promise.reject(new Error('This server does not host this topic-partition'))
        : Promise.resolve({
            topics: asked.map((name) => ({
              name,
              partitions: [{ partitionId: 0, leader: 7, replicas: [7], isr: [7], partitionErrorCode: 0 }],
            })),
          }),
    describeConfigs: ({ resources }: { resources: Resource[] }) =>
      resources.some(({ type, name }) => (type === 4 ? refuses.broker : name === refuses.settings))
        ? Promise.reject(new Error('Topic authorization failed'))
        : Promise.resolve({
            resources: resources.map(({ name }) => ({
              resourceName: name,
              configEntries: [{ configName: 'cleanup.policy', configValue: 'delete' }],
            })),
          }),
    fetchTopicOffsets: (topic: string) =>
      topic === 'a'
        ? Promise.resolve([{ partition: 0, low: '1', high: '2', offset: '2' }])
        : Promise.reject(new Error('no leader')),
  }
  return { admin: () => admin } as unknown as Kafka
}

const ALL = { looksAt: () => true, wantsOffsets: () => true }
const SETTINGS = { values: { 'cleanup.policy': 'delete' } }
const PARTITIONS = [{ partition: 0, leader: 7, replicas: 1, inSync: 1 }]

it('what a cluster says about topics and a broker is told, and offsets where they can be had', async () => {
  const facts = await askCluster(clusterWith(['b', 'a'], {}), ALL)
  expect(facts).toMatchObject({ brokers: 1, names: ['a', 'b'], broker: SETTINGS })
  expect([...facts.topics]).toEqual([
    [
      'a',
      {
        partitions: PARTITIONS,
        settings: SETTINGS,
        offsets: [expect.objectContaining({ low: '1', high: '2' })],
      },
    ],
    ['b', { partitions: PARTITIONS, settings: SETTINGS }],
  ])
})

it('a topic that refuses to be described hides no other', async () => {
  const facts = await askCluster(
    clusterWith(['a', 'b', 'c'], { metadata: 'a', settings: 'b', broker: true }),
    ALL,
  )
  expect(facts.topics.get('a')).toMatchObject({ partitions: undefined, settings: SETTINGS })
  expect(facts.topics.get('b')).toEqual({
    partitions: PARTITIONS,
    settings: { failure: 'Topic authorization failed' },
  })
  expect(facts.topics.get('c')).toEqual({ partitions: PARTITIONS, settings: SETTINGS })
  expect(facts.broker).toEqual({ failure: 'Topic authorization failed' })
})

it('topics that nobody asks about are named only', async () => {
  const facts = await askCluster(clusterWith(['a', 'b'], {}), { ...ALL, looksAt: () => false })
  expect(facts).toMatchObject({ names: ['a', 'b'], topics: new Map() })
})
