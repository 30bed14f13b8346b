import type { CheckedConfig, CheckedRule } from '../../../config/checked.js'
import { figure, timeSpan } from '../../../units.js'
import type { Facts } from '../facts/facts.js'
import { fine, found, unchecked, type Outcome } from '../finding.js'
import { shown } from '../shown.js'
import { settingsOf, type TopicSettings } from '../settings.js'
import { RuleTopics } from '../topics-of.js'

/** Kafka's default of max.message.bytes is 12 bytes above 1 MiB, the default of `maxBatchBytes`. */
const SLACK = 1024

/** The settings of each topic that a rule encrypts or decrypts. */
export function* topicSettings({ kafka, config, topics: only }: Facts): Iterable<Outcome> {
  if (!('cluster' in kafka) || !('checked' in config)) return
  const { checked } = config
  const topics = new RuleTopics(checked, only)
  const suitable = new Map<CheckedRule, string[]>()
  for (const [topic, facts] of kafka.cluster.topics) {
    const rule = topics.ruleOf(topic)
    if (rule === undefined || rule.passthrough || !topics.isAsked(topic)) continue
    const settings = settingsOf(facts)
    if (settings === undefined) {
      const why = 'failure' in facts.settings ? facts.settings.failure : ''
      yield unchecked('topics', `the settings of topic ${topic}: ${why}`)
      continue
    }
    const outcomes = [
      ...format(topic, settings),
      ...sizes(topic, rule, settings),
      // Those of dead letters are for another check.
      ...(topics.isDeadLetterTopic(topic)
        ? []
        : [...compaction(topic, rule, settings), ...retention(topic, rule, settings, checked)]),
    ]
    yield* outcomes
    if (outcomes.length === 0) suitable.set(rule, [...(suitable.get(rule) ?? []), topic])
  }
  for (const [{ name }, names] of suitable)
    yield fine('topics', `${shown(names)}: settings suit rule ${name}`)
}

/** Older formats have no headers, which dead letters and bound headers need. */
function* format(topic: string, { messageFormat }: TopicSettings): Iterable<Outcome> {
  const [major = 0, minor = 0] = (messageFormat ?? '1.0').split(/[.-]/).map(Number)
  if (major > 0 || minor >= 11) return
  yield found('message-format-old', {
    subject: `topic ${topic}`,
    what: `its message format is that of Kafka ${messageFormat ?? ''}, which has no headers`,
    remedy: 'Set `message.format.version` of the topic to 0.11 or later',
  })
}

function* sizes(
  topic: string,
  { name, encrypt }: CheckedRule,
  { maxMessageBytes }: TopicSettings,
): Iterable<Outcome> {
  if (encrypt === undefined || maxMessageBytes === undefined) return
  const { maxBatchBytes } = encrypt
  const [ours, theirs] = [figure(maxBatchBytes), figure(maxMessageBytes)]
  if (maxBatchBytes > maxMessageBytes) {
    yield found('batch-limit-too-high', {
      subject: `topic ${topic}`,
      what: `rule ${name} sends batches of up to ${ours} bytes (maxBatchBytes), but the topic takes ${theirs} (max.message.bytes): larger sends fail as a whole`,
      remedy: `Set \`encrypt.maxBatchBytes\` to ${String(maxMessageBytes)}, or raise max.message.bytes to ${String(maxBatchBytes)}`,
    })
  } else if (maxMessageBytes > maxBatchBytes + SLACK) {
    yield found('batch-limit-low', {
      subject: `topic ${topic}`,
      what: `it takes batches of ${theirs} bytes (max.message.bytes), but rule ${name} refuses records above ${ours} (maxBatchBytes)`,
      remedy: `Set \`encrypt.maxBatchBytes\` to ${String(maxMessageBytes)}, unless no value is that large`,
    })
  }
}

function* compaction(
  topic: string,
  { name, encrypt, decrypt }: CheckedRule,
  { isCompacted }: TopicSettings,
): Iterable<Outcome> {
  if (!isCompacted) return
  const subject = `topic ${topic}`
  const halves = Object.entries({ encrypt, decrypt }).flatMap(
    ([half, { tombstones } = { tombstones: 'pass' }]) => (tombstones === 'reject' ? [half] : []),
  )
  if (halves.length > 0) {
    yield found('compacted-without-tombstones', {
      subject,
      what: `it is compacted, and a null value is how a key is removed, but \`${halves.join('` and `')}\` of rule ${name} refuses null values`,
      remedy: 'Set `tombstones: pass`, or do not compact the topic',
    })
  } else {
    yield found('tombstones-unauthenticated', {
      subject,
      what: 'it is compacted, and null values are not authenticated: whoever can write to it can remove any key',
      remedy: 'Let only the intended producers write to it',
    })
  }
}

function* retention(
  topic: string,
  { name, encrypt, decrypt }: CheckedRule,
  { keptMs, isBoundedInSize }: TopicSettings,
  { cache }: CheckedConfig,
): Iterable<Outcome> {
  const subject = `topic ${topic}`
  if (keptMs === Infinity) {
    if (isBoundedInSize) return
    yield found('kept-forever', {
      subject,
      what: 'no time removes its records, so every CMK that ever sealed some of them is needed as long',
      remedy:
        'Keep those CMKs, or set retention.ms; `kafka-envelope scan --cmk` tells whether records still need a CMK',
    })
    return
  }
  if (encrypt === undefined || decrypt === undefined || encrypt.provisionedDek !== undefined) return
  const deks = keptMs / encrypt.rotate.maxAgeMs
  if (deks <= cache.maxDeks) return
  yield found('cache-small', {
    subject,
    what: `one producer makes ${figure(deks)} DEKs under rule ${name} in the ${timeSpan(keptMs)} that records stay, more than \`cache.maxDeks\` (${figure(cache.maxDeks)})`,
    remedy: 'Raise `cache.maxDeks`, or rotate less often',
  })
}
