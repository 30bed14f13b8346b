import type { TopicFacts } from './facts/cluster.js'

/** Settings of a topic. Numbers are absent if the broker does not know the setting. */
export interface TopicSettings {
  readonly maxMessageBytes: number | undefined
  /** How long records stay, from their timestamps, in ms; Infinity if time removes none. */
  readonly keptMs: number
  /** Whether retention by size removes records, however young they are. */
  readonly isBoundedInSize: boolean
  readonly isCompacted: boolean
  readonly minInSync: number
  /** Before Kafka 4: the version of the message format. */
  readonly messageFormat: string | undefined
}

/** Undefined if they are not known. */
export function settingsOf({ settings }: TopicFacts): TopicSettings | undefined {
  if (!('values' in settings)) return undefined
  const { values } = settings
  const number = (name: string): number | undefined => {
    const value = Number(values[name] ?? '')
    return values[name] === undefined || Number.isNaN(value) ? undefined : value
  }
  const policies = (values['cleanup.policy'] ?? '').split(',')
  const retention = number('retention.ms') ?? -1
  return {
    maxMessageBytes: number('max.message.bytes'),
    keptMs: policies.includes('delete') && retention >= 0 ? retention : Infinity,
    isBoundedInSize: policies.includes('delete') && (number('retention.bytes') ?? -1) >= 0,
    isCompacted: policies.includes('compact'),
    minInSync: number('min.insync.replicas') ?? 1,
    messageFormat: values['message.format.version'],
  }
}
