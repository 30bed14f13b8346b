import type { Admin } from 'kafkajs'
import { rangesOf } from '../topics/ranges.js'
import type { CopyRoute } from './checkpoint.js'

/** What a copy has to know about its topics. */
export interface CheckedTopics {
  /** The largest record batch that the target topic takes, in bytes. */
  readonly maxBatchBytes: number
  /** The largest record batch that the source topic takes now, in bytes. */
  readonly sourceBatchBytes: number
}

type Settings = ReadonlyMap<string, string>

const NAMES = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'retention.ms',
  'retention.bytes',
]

/**
 * Refuses topics between which records could not be copied one for one, or would not stay.
 * @throws Error that says what is wrong with the topics
 */
export async function checkTopics(admin: Admin, { from, to }: CopyRoute): Promise<CheckedTopics> {
  if (from === to) throw new Error(`${from} cannot be copied into itself: name another topic`)
  const ranges = await rangesOf(admin, [from, to])
  const partitions = (topic: string): number => ranges.filter((range) => range.topic === topic).length
  if (partitions(from) !== partitions(to)) {
    throw new Error(
      `${to} needs ${String(partitions(from))} partitions, as many as ${from} has, because records keep their partition; it has ${String(partitions(to))}`,
    )
  }
  const [source, target] = await settingsOf(admin, [from, to])
  const problem = whyRecordsChange(target) ?? whyRecordsGo(source, target)
  if (problem !== undefined) throw new Error(`${to} ${problem}`)
  return {
    maxBatchBytes: Number(target.get('max.message.bytes')),
    sourceBatchBytes: Number(source.get('max.message.bytes')),
  }
}

function whyRecordsChange(target: Settings): string | undefined {
  return target.get('message.timestamp.type') === 'LogAppendTime'
    ? 'has message.timestamp.type=LogAppendTime, so records would lose their timestamps: set it to CreateTime'
    : undefined
}

/** What would remove records from the target topic that the source topic keeps. */
function whyRecordsGo(source: Settings, target: Settings): string | undefined {
  const has = (settings: Settings, policy: string): boolean =>
    (settings.get('cleanup.policy') ?? '').split(',').includes(policy)
  if (has(source, 'compact') !== has(target, 'compact')) {
    return has(target, 'compact')
      ? 'is compacted and the source topic is not, so it would lose records: give both the same cleanup.policy'
      : 'is not compacted as the source topic is, so retention would remove the only record of a key: give both the same cleanup.policy'
  }
  if (!has(target, 'delete')) return undefined
  for (const name of ['retention.ms', 'retention.bytes']) {
    const limit = (settings: Settings): number => {
      const value = Number(settings.get(name) ?? -1)
      return value < 0 || !has(settings, 'delete') ? Infinity : value
    }
    if (limit(target) < limit(source)) {
      return `has a lower ${name} than the source topic, so it would lose records that are still there: raise it for as long as the copy runs`
    }
  }
  return undefined
}

async function settingsOf(admin: Admin, topics: readonly [string, string]): Promise<[Settings, Settings]> {
  // `ConfigResourceTypes.TOPIC` of KafkaJS, which is not loaded here.
  const query: unknown = {
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: 2, name, configNames: NAMES })),
  }
  const { resources } = await admin.describeConfigs(query as Parameters<Admin['describeConfigs']>[0])
  const of = (topic: string): Settings =>
    new Map(
      resources
        .find(({ resourceName }) => resourceName === topic)
        ?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    )
  return [of(topics[0]), of(topics[1])]
}
