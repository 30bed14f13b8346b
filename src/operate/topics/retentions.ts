import type { Admin } from 'kafkajs'

/**
 * How long each topic keeps a record at most, in ms, from its timestamp: a segment goes when its youngest record is too
 * old. Null if time removes none.
 */
export async function retentions(
  admin: Admin,
  topics: readonly string[],
): Promise<Map<string, number | null>> {
  if (topics.length === 0) return new Map()
  const configNames = ['cleanup.policy', 'retention.ms', 'segment.ms']
  // `ConfigResourceTypes.TOPIC` of KafkaJS, which is not loaded here.
  const type = 2
  const query: unknown = {
    includeSynonyms: false,
    resources: topics.map((name) => ({ type, name, configNames })),
  }
  const { resources } = await admin.describeConfigs(query as Parameters<Admin['describeConfigs']>[0])
  return new Map(
    resources.map(({ resourceName, configEntries }) => {
      const value = (name: string): string =>
        configEntries.find(({ configName }) => configName === name)?.configValue ?? ''
      const [retention, segment] = [Number(value('retention.ms')), Number(value('segment.ms'))]
      const isRemoved = value('cleanup.policy').split(',').includes('delete') && retention >= 0
      return [resourceName, isRemoved ? retention + segment : null]
    }),
  )
}
