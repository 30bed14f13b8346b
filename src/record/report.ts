import type { EventHub } from '../events.js'
import type { Decision, Rejected } from './decide.js'
import type { Source, OpenedRecord } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** Reports opened records to listeners. Call it once for each record, however often it is opened. */
export function reportOpened(
  events: EventHub,
  { name: rule }: ReadingRule,
  topic: string,
  results: readonly (OpenedRecord | Decision<unknown>)[],
): void {
  if (!events.has('batch.opened')) return
  let messages = 0
  let bytes = 0
  for (const result of results) {
    if (!('envelope' in result) || result.envelope === undefined) continue
    messages++
    bytes += result.value?.length ?? 0
  }
  if (messages > 0) events.emit('batch.opened', { rule, topic, messages, bytes })
}

/** Reports decisions that were carried out: the opened records, and each rejected record. */
export function reportDecisions(
  events: EventHub,
  rule: ReadingRule,
  source: Required<Source>,
  decisions: readonly Decision<{ readonly offset: string }>[],
): void {
  reportOpened(events, rule, source.topic, decisions)
  for (const one of decisions) {
    if (one.action === 'deliver') continue
    const { code, kind } = one.error
    const { offset } = one.record
    const action = actionName(one)
    events.emit('record.rejected', { rule: rule.name, code, kind, action, ...source, offset })
  }
}

function actionName({ action }: Rejected<unknown>): 'stop' | 'skip' | 'deadLetter' | 'replace' {
  if (typeof action === 'string') return action
  return 'deadLetter' in action ? 'deadLetter' : 'replace'
}
