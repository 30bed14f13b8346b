import type { Admin, Kafka } from 'kafkajs'
import { messageOf } from './message-of.js'

/** What the cluster says. */
export interface ClusterFacts {
  readonly brokers: number
  /** All topics that this identity may see. */
  readonly names: readonly string[]
  /** Those that were looked at. */
  readonly topics: ReadonlyMap<string, TopicFacts>
  /** Settings of one broker by name, or why they are not known. */
  readonly broker: SettingsFacts
}

export interface TopicFacts {
  /** Undefined if they could not be learnt. */
  readonly partitions: readonly PartitionFacts[] | undefined
  readonly settings: SettingsFacts
  /** Decimal, by partition; only for topics whose offsets were asked for. Undefined if they could not be learnt. */
  readonly offsets?: readonly { readonly partition: number; readonly low: string; readonly high: string }[]
}

export interface PartitionFacts {
  readonly partition: number
  /** Negative if it has none. */
  readonly leader: number
  readonly replicas: number
  readonly inSync: number
}

export type SettingsFacts =
  { readonly values: Readonly<Record<string, string>> } | { readonly failure: string }

export interface ClusterQuestion {
  /** Which of the topics that exist to look at. */
  readonly looksAt: (topic: string) => boolean
  /** Which of them to ask for offsets. */
  readonly wantsOffsets: (topic: string) => boolean
}

// `ConfigResourceTypes` of KafkaJS, which is not loaded here.
const TOPIC = 2
const BROKER = 4

/**
 * Asks the cluster. What this identity may not learn about a topic or a broker is said there.
 * @throws Error if no broker answers
 */
export async function askCluster(
  kafka: Kafka,
  { looksAt, wantsOffsets }: ClusterQuestion,
): Promise<ClusterFacts> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const { brokers } = await admin.describeCluster()
    const names = (await admin.listTopics()).toSorted()
    const wanted = names.filter(looksAt)
    const partitions = await partitionsOf(admin, wanted)
    const settings = await settingsOf(admin, TOPIC, wanted)
    const topics = new Map<string, TopicFacts>()
    for (const topic of wanted) {
      const offsets = wantsOffsets(topic)
        ? await admin.fetchTopicOffsets(topic).catch(() => undefined)
        : undefined
      topics.set(topic, {
        partitions: partitions.get(topic),
        settings: settings.get(topic) ?? { failure: 'the broker said nothing about it' },
        ...(offsets && { offsets }),
      })
    }
    const [{ nodeId } = { nodeId: 0 }] = brokers
    const broker = (await settingsOf(admin, BROKER, [String(nodeId)])).get(String(nodeId))
    return {
      brokers: brokers.length,
      names,
      topics,
      broker: broker ?? { failure: 'the broker said nothing' },
    }
  } finally {
    await admin.disconnect()
  }
}

/** One topic that is gone by now fails a whole request, so after a failure each is asked for by itself. */
async function partitionsOf(
  admin: Admin,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly PartitionFacts[]>> {
  // Of no topic means of all.
  if (topics.length === 0) return new Map()
  try {
    const { topics: described } = await admin.fetchTopicMetadata({ topics: [...topics] })
    return new Map(
      described.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionId, leader, replicas, isr }) => ({
          partition: partitionId,
          leader,
          replicas: replicas.length,
          inSync: isr.length,
        })),
      ]),
    )
  } catch {
    if (topics.length === 1) return new Map()
  }
  const one: (readonly [string, readonly PartitionFacts[]])[] = []
  for (const topic of topics) one.push(...(await partitionsOf(admin, [topic])))
  return new Map(one)
}

/** One refusal fails a whole request, so after a failure each is asked for by itself. */
async function settingsOf(
  admin: Admin,
  type: number,
  names: readonly string[],
): Promise<ReadonlyMap<string, SettingsFacts>> {
  if (names.length === 0) return new Map()
  try {
    return new Map(await described(admin, type, names))
  } catch (error) {
    if (names.length === 1) return new Map(names.map((name) => [name, { failure: messageOf(error) }]))
  }
  const one = new Map<string, SettingsFacts>()
  for (const name of names)
    for (const [key, value] of await settingsOf(admin, type, [name])) one.set(key, value)
  return one
}

async function described(
  admin: Admin,
  type: number,
  names: readonly string[],
): Promise<[string, SettingsFacts][]> {
  const query: unknown = { includeSynonyms: false, resources: names.map((name) => ({ type, name })) }
  const { resources } = await admin.describeConfigs(query as Parameters<Admin['describeConfigs']>[0])
  return resources.map(({ resourceName, configEntries }) => [
    resourceName,
    {
      values: Object.fromEntries(
        configEntries.map(({ configName, configValue }) => [configName, configValue]),
      ),
    },
  ])
}
