import type { CheckedRule } from '../../../config/checked.js'
import { figure, timeSpan } from '../../../units.js'
import type { ClusterFacts, TopicFacts } from '../facts/cluster.js'
import type { Facts } from '../facts/facts.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'
import { shown } from '../shown.js'
import { settingsOf, type TopicSettings } from '../settings.js'
import { RuleTopics } from '../topics-of.js'

/** A dead letter is up to this much larger than its record: docs/dead-letters.md. */
const LETTER_BYTES = 1024

/** Whether the topics for dead letters take and keep what the topics of their rule have. */
export function* deadLetters({ kafka, config, topics: only }: Facts): Iterable<Outcome> {
  if (!('cluster' in kafka) || !('checked' in config)) return
  const { cluster } = kafka
  const topics = new RuleTopics(config.checked, only)
  for (const rule of topics.rules) {
    const { decrypt } = rule
    if (decrypt === undefined) continue
    const sources = [...cluster.topics].filter(
      ([topic]) => topics.ruleOf(topic) === rule && topics.isAsked(topic),
    )
    for (const letters of new Set(topics.deadLetterTopicsOf(rule))) {
      if (topics.isDeadLetterTopic(letters)) yield* ofTopic(letters, rule, sources, cluster)
    }
    if ([decrypt.onInvalid, decrypt.onUnreadable].some((policy) => typeof policy === 'function')) {
      yield unchecked('topics', `the dead-letter topics that the handler of rule ${rule.name} may choose`)
    }
  }
}

type Source = readonly [topic: string, facts: TopicFacts]

function* ofTopic(
  letters: string,
  { name }: CheckedRule,
  sources: readonly Source[],
  cluster: ClusterFacts,
): Iterable<Outcome> {
  const subject = `dead-letter topic ${letters}`
  const facts = cluster.topics.get(letters)
  if (facts === undefined) {
    yield found('dead-letter-topic-missing', {
      subject,
      what: `it does not exist, or the user of this command may not describe it; consumers of rule ${name} wait at the first record that does not open`,
      remedy: 'Create it, or grant the right to describe it',
    })
    return
  }
  const settings = settingsOf(facts)
  const outcomes = [
    ...replication(subject, facts, sources),
    ...(settings === undefined ? [] : ofSettings(subject, settings, sources)),
  ]
  yield* outcomes
  const unknown = sources.filter(([, source]) => !isKnown(source)).map(([topic]) => topic)
  if (settings === undefined) yield unchecked('topics', `the settings of ${subject}`)
  else if (sources.length === 0)
    yield unchecked(
      'topics',
      `whether ${subject} suits rule ${name}: none of the topics of the rule was seen`,
    )
  else if (!isKnown(facts) || unknown.length > 0) {
    const of = unknown.length === 0 ? subject : `topic ${shown(unknown)}`
    yield unchecked('topics', `whether ${subject} suits rule ${name}: not all is known of ${of}`)
  } else if (outcomes.length === 0)
    yield fine('topics', `${subject} takes and keeps what rule ${name} sends there`)
}

/** Whether the comparison had all of it. */
function isKnown(facts: TopicFacts): boolean {
  return settingsOf(facts)?.maxMessageBytes !== undefined && replicasOf(facts) > 0
}

function* ofSettings(
  subject: string,
  { isCompacted, maxMessageBytes = Infinity, keptMs, minInSync }: TopicSettings,
  sources: readonly Source[],
): Iterable<Outcome> {
  if (isCompacted) {
    yield found('dead-letter-topic-compacted', {
      subject,
      what: 'it is compacted: the broker refuses records without a key, and later dead letters replace earlier ones with the same key',
      remedy: 'Set cleanup.policy=delete',
    })
  }
  const known = sources.flatMap(([topic, facts]) => {
    const settings = settingsOf(facts)
    return settings === undefined ? [] : [{ topic, ...settings }]
  })
  const largest = most(known, (source) => source.maxMessageBytes ?? 0)
  const needed = (largest?.maxMessageBytes ?? 0) + LETTER_BYTES
  if (largest !== undefined && maxMessageBytes < needed) {
    yield found('dead-letter-topic-small', {
      subject,
      what: `it takes batches of ${figure(maxMessageBytes)} bytes (max.message.bytes), but a dead letter of topic ${largest.topic} may have ${figure(needed)}`,
      remedy: `Raise its max.message.bytes to ${String(needed)}`,
    })
  }
  const longest = most(known, (source) => source.keptMs)
  if (longest !== undefined && keptMs < longest.keptMs) {
    const theirs = longest.keptMs === Infinity ? 'for ever' : `for ${timeSpan(longest.keptMs)}`
    yield found('dead-letter-retention-short', {
      subject,
      what: `it keeps records for ${timeSpan(keptMs)}, but topic ${longest.topic} keeps them ${theirs}: a dead letter is gone before its record`,
      remedy: 'Raise its retention.ms to at least that of the topic',
    })
  }
  const strictest = most(known, (source) => source.minInSync)
  if (strictest !== undefined && minInSync < strictest.minInSync) {
    yield found('dead-letter-replication-low', {
      subject,
      what: `its min.insync.replicas is ${String(minInSync)}, that of topic ${strictest.topic} ${String(strictest.minInSync)}: a dead letter is lost more easily than its record`,
      remedy: `Set its min.insync.replicas to ${String(strictest.minInSync)}`,
    })
  }
}

function* replication(subject: string, letters: TopicFacts, sources: readonly Source[]): Iterable<Outcome> {
  const safest = most(sources, ([, facts]) => replicasOf(facts))
  if (safest === undefined) return
  const [topic, facts] = safest
  const [own, theirs] = [replicasOf(letters), replicasOf(facts)]
  if (own === 0 || own >= theirs) return
  yield found('dead-letter-replication-low', {
    subject,
    what: `it has ${String(own)} of each record, topic ${topic} has ${String(theirs)}: a dead letter is lost more easily than its record`,
    remedy: `Give it ${String(theirs)} replicas`,
  })
}

/** Of the partition with the fewest; 0 if they are not known. */
function replicasOf({ partitions = [] }: TopicFacts): number {
  return partitions.length === 0 ? 0 : Math.min(...partitions.map(({ replicas }) => replicas))
}

/** The first item with the largest value. */
function most<T>(items: readonly T[], valueOf: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || valueOf(item) > valueOf(best) ? item : best),
    undefined,
  )
}
