import type { EventHub } from '../events.js'
import type { Decision, Rejected } from './decide.js'
import type { OpenedRecord, OpenedValue, Source } from './record.js'
import type { ReadingRule } from './topic-rules.js'

/** Reports opened records to listeners. Call it once for each record, however often it is opened. */
export function reportOpened(
  events: EventHub,
  rule: ReadingRule,
  source: Source,
  results: readonly (OpenedRecord | Decision<unknown>)[],
  offsetOf: (index: number) => string | undefined,
): void {
  reportPlaintext(events, rule, source, results, offsetOf)
  if (!events.has('batch.opened')) return
  let messages = 0
  let bytes = 0
  for (const result of results) {
    if (!('envelope' in result) || result.envelope === undefined) continue
    messages++
    bytes += result.value?.length ?? 0
  }
  if (messages > 0) events.emit('batch.opened', { rule: rule.name, topic: source.topic, messages, bytes })
}

/** Reports values that were delivered although they were not sealed. Costs nothing where a rule allows none. */
function reportPlaintext(
  events: EventHub,
  { name: rule, decrypt }: ReadingRule,
  { topic, partition }: Source,
  results: readonly (OpenedRecord | Decision<unknown>)[],
  offsetOf: (index: number) => string | undefined,
): void {
  if (partition === undefined || !events.has('plaintext.delivered')) return
  const untilOffset = decrypt.plaintext.untilOffsets.get(topic)?.get(partition)?.toString()
  if (untilOffset === undefined) return
  let [messages, bytes] = [0, 0]
  let firstOffset: string | undefined
  let lastOffset: string | undefined
  for (const [i, result] of results.entries()) {
    if (!('envelope' in result) || result.envelope !== undefined || result.value === null) continue
    messages++
    bytes += result.value.length
    lastOffset = offsetOf(i)
    firstOffset ??= lastOffset
  }
  if (firstOffset === undefined || lastOffset === undefined) return
  events.emit('plaintext.delivered', {
    ...{ rule, topic, partition, messages, bytes },
    ...{ firstOffset, lastOffset, untilOffset },
  })
}

/** Reports decisions that were carried out: the opened records, and each rejected record. */
export function reportDecisions(
  events: EventHub,
  rule: ReadingRule,
  source: Required<Source>,
  decisions: readonly Decision<{ readonly offset: string }>[],
): void {
  reportOpened(events, rule, source, decisions, (i) => decisions[i]?.record.offset)
  for (const one of decisions) {
    if (one.action === 'deliver') continue
    const { code, kind } = one.error
    const { offset } = one.record
    const action = actionName(one)
    events.emit('record.rejected', { rule: rule.name, code, kind, action, ...source, offset })
    // It stops all the same if the dead letter was refused.
    if (one.override === undefined || action === 'stop') continue
    one.override.use()
    events.emit('override.used', one.override.configured)
  }
}

/** Reports one record that opened, as `reportOpened` does. Without listeners it allocates nothing. */
export function reportOneOpened(
  events: EventHub,
  rule: ReadingRule,
  source: Required<Source>,
  result: OpenedValue,
  offset: string,
): void {
  if (events.has('batch.opened') || events.has('plaintext.delivered'))
    reportOpened(events, rule, source, [result], () => offset)
}

function actionName({ action }: Rejected<unknown>): 'stop' | 'skip' | 'deadLetter' | 'replace' {
  if (typeof action === 'string') return action
  return 'deadLetter' in action ? 'deadLetter' : 'replace'
}
