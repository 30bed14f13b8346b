import { TopicIndex } from '../policy/topics.js'
import { table, textsOf, type CrossCheckInput, type OverrideAt } from './cross-check-input.js'
import { TIME_WITH_ZONE } from './override-schema.js'

/** Longer, and nobody looks at it again. */
const MAX_AHEAD_MS = 366 * 86_400_000

/** Checks of overrides against the rules, against each other, and against the clock. */
export const OVERRIDE_CHECKS = table({
  'an override is for a topic that a rule decrypts': function* ({ overrides, rules, show }) {
    const index = new TopicIndex(rules, ({ rule }) => textsOf(rule['match']))
    for (const { override, path } of overrides) {
      const { topic } = override
      if (typeof topic !== 'string') continue
      const owner = index.find(topic)
      if (owner?.rule['decrypt'] !== undefined) continue
      const at = `${path}.topic`
      const why = owner ? `falls under ${owner.path}, which has no \`decrypt\`` : 'is not matched by any rule'
      yield { path: at, message: `${show(at, topic)} ${why}, so the override has no effect` }
    }
  },
  'a record has one override': function* ({ overrides }) {
    const seen = new Map<string, OverrideAt>()
    for (const each of overrides) {
      const { topic, partition, offset } = each.override
      const name = JSON.stringify([topic, partition, offset])
      const before = seen.get(name)
      if (before === undefined) seen.set(name, each)
      else yield { path: each.path, message: `${before.path} is for the same record` }
    }
  },
  'an override ends within a year': function* ({ overrides, nowMs }: CrossCheckInput) {
    for (const { override, path } of overrides) {
      const { until } = override
      if (typeof until !== 'string' || !TIME_WITH_ZONE.test(until)) continue
      const at = `${path}.until`
      if (!isDay(until)) yield { path: at, message: 'there is no such day' }
      else if (Date.parse(until) > nowMs + MAX_AHEAD_MS)
        yield { path: at, message: 'expected a time at most 366 days ahead: look at the record again then' }
    }
  },
})

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(time: string): boolean {
  const day = time.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}
