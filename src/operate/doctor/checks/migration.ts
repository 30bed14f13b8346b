import type { Facts } from '../facts/facts.js'
import { found, unchecked, type Outcome } from '../finding.js'
import { RuleTopics } from '../topics-of.js'

/** Whether the offsets up to which plaintext is accepted still fit the topics. */
export function* migration({ kafka, config, topics: only }: Facts): Iterable<Outcome> {
  if (!('cluster' in kafka) || !('checked' in config)) return
  const topics = new RuleTopics(config.checked, only)
  for (const { decrypt } of topics.rules) {
    for (const [topic, until] of decrypt?.plaintext.untilOffsets ?? []) {
      const facts = kafka.cluster.topics.get(topic)
      if (facts === undefined || !topics.isAsked(topic)) continue
      if (facts.offsets === undefined) {
        yield unchecked('topics', `whether topic ${topic} may still get plaintext: its offsets are not known`)
      } else yield* ofTopic(topic, until, facts.offsets)
    }
  }
}

function* ofTopic(
  topic: string,
  until: ReadonlyMap<number, bigint>,
  offsets: readonly { readonly partition: number; readonly low: string; readonly high: string }[],
): Iterable<Outcome> {
  const subject = `topic ${topic}`
  const open = offsets.filter(({ partition, high }) => (until.get(partition) ?? 0n) > BigInt(high))
  if (open.length > 0) {
    const [{ partition, high }] = open as [(typeof open)[number]]
    yield found('plaintext-open', {
      subject,
      what: `partition ${String(partition)} accepts plaintext up to offset ${String(until.get(partition))}, but ends at ${high}: plaintext that is still to come is accepted`,
      remedy: 'Set `untilOffsets` to the end of each partition; `kafka-envelope cutover` does it',
    })
  }
  // The records below are gone.
  if (offsets.every(({ partition, low }) => (until.get(partition) ?? 0n) <= BigInt(low))) {
    yield found('plaintext-over', {
      subject,
      what: 'all its records below `untilOffsets` are gone, so the migration is over',
      remedy: 'Remove the topic from `decrypt.plaintext.untilOffsets`',
    })
  }
}
