import { isGlob, matches } from '../../../policy/topics.js'
import type { ClusterFacts } from '../facts/cluster.js'
import type { Facts } from '../facts/facts.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'
import { shown } from '../shown.js'
import { RuleTopics } from '../topics-of.js'

/** Topics of Kafka itself. */
const INTERNAL = '__'

/** Whether Kafka answers, and which topics exist for which rules. */
export function* existence({ kafka, config, topics: only }: Facts): Iterable<Outcome> {
  if ('notAsked' in kafka) {
    yield unchecked('Kafka', kafka.notAsked)
    return
  }
  if ('failure' in kafka) {
    const remedy = 'Check the addresses, TLS and SASL in `--brokers` or `--kafka`, and the way to the brokers'
    yield found('kafka-unreachable', { subject: 'Kafka', what: kafka.failure, remedy })
    return
  }
  const { cluster } = kafka
  yield* broker(cluster)
  if (!('checked' in config)) {
    yield unchecked('topics', 'which topics exist, and their settings: the configuration has mistakes')
    return
  }
  const topics = new RuleTopics(config.checked, only)
  const exists = new Set(cluster.names)
  for (const topic of topics.exact) if (!exists.has(topic)) yield missing(topic)
  if (only.length === 0) yield* unused(topics, cluster.names)
  const stray = cluster.names.filter(
    (topic) =>
      topics.isAsked(topic) &&
      !topic.startsWith(INTERNAL) &&
      !topics.isDeadLetterTopic(topic) &&
      topics.ruleOf(topic) === undefined,
  )
  if (stray.length > 0) {
    yield found('topic-without-rule', {
      subject: stray.length === 1 ? `topic ${stray.join('')}` : `${String(stray.length)} topics`,
      what: `no rule matches ${shown(stray)}, so wrapped producers and consumers refuse ${stray.length === 1 ? 'it' : 'them'}`,
      remedy: 'Nothing, unless this process is to use such a topic: then add it to a rule',
    })
  }
  for (const [topic, { partitions, settings }] of cluster.topics) {
    if (partitions === undefined) {
      yield unchecked(
        'topics',
        `whether the partitions of topic ${topic} have leaders and replicas: the brokers do not say it`,
      )
      continue
    }
    yield* availability(
      topic,
      partitions,
      'values' in settings ? Number(settings.values['min.insync.replicas'] ?? 1) : 1,
    )
  }
}

function* broker({ brokers, names, broker: settings }: ClusterFacts): Iterable<Outcome> {
  yield fine(
    'Kafka',
    `${brokers === 1 ? '1 broker answers' : `${String(brokers)} brokers answer`}; ${String(names.length)} topics are visible`,
  )
  if ('failure' in settings) {
    yield unchecked(
      'Kafka',
      `the version of the brokers, and whether they create topics by themselves: ${settings.failure}`,
    )
    return
  }
  const { 'inter.broker.protocol.version': version, 'auto.create.topics.enable': autoCreate } =
    settings.values
  // Kafka 4 removed the setting, and KafkaJS cannot ask for more.
  yield version === undefined
    ? unchecked(
        'Kafka',
        'the exact version of the brokers: they do not say it, which brokers from Kafka 4.0 on do not',
      )
    : fine('Kafka', `the brokers speak the protocol of Kafka ${version}`)
  if (autoCreate === 'true') {
    yield found('auto-create-on', {
      subject: 'brokers',
      what: 'they create a topic that does not exist when a client names it, with default settings',
      remedy: 'Set `auto.create.topics.enable=false`, so that a misspelt topic is an error',
    })
  }
}

function missing(topic: string): Outcome {
  return found('topic-missing', {
    subject: `topic ${topic}`,
    what: 'it does not exist, or the user of this command may not describe it',
    remedy: 'Create it, correct its name in the rule, or grant the right to describe it',
  })
}

/** Rules that match none of the topics. An exact name of a rule that does not pass values through is reported as missing. */
function* unused({ rules }: RuleTopics, names: readonly string[]): Iterable<Outcome> {
  for (const { name, match, passthrough } of rules) {
    if (!passthrough && !match.some(isGlob)) continue
    if (match.some((pattern) => names.some((topic) => matches(pattern, topic)))) continue
    yield found('rule-without-topic', {
      subject: `rule ${name}`,
      what: 'it matches none of the topics that are visible',
      remedy: 'Check the spelling of `match`, or remove the rule',
    })
  }
}

function* availability(
  topic: string,
  partitions: readonly { readonly partition: number; readonly leader: number; readonly inSync: number }[],
  minInSync: number,
): Iterable<Outcome> {
  const down = partitions.filter(({ leader }) => leader < 0)
  const few = partitions.filter(({ leader, inSync }) => leader >= 0 && inSync < minInSync)
  const remedy = 'Bring the brokers that hold its replicas back'
  const list = (of: typeof partitions): string => shown(of.map(({ partition }) => String(partition)))
  if (down.length > 0) {
    const what = `nobody can write or read partition ${list(down)}: it has no leader`
    yield found('topic-unavailable', { subject: `topic ${topic}`, what, remedy })
  }
  if (few.length > 0) {
    const what = `partition ${list(few)} has fewer replicas in sync than min.insync.replicas (${String(minInSync)}), so sends with acks=all fail`
    yield found('topic-unavailable', { subject: `topic ${topic}`, what, remedy })
  }
}
