import type { CheckedOverride } from '../../config/checked.js'
import { EnvelopeError } from '../../errors.js'
import type { RecordPlace } from '../../operate/index.js'
import { printableText } from '../printable.js'

export function nameOf({
  topic,
  partition,
  offset,
}: Pick<CheckedOverride, 'topic' | 'partition'> & { offset: string | bigint }): string {
  return `${topic}:${String(partition)}:${String(offset)}`
}

/** What was written, and what has to happen now. */
export function explainAllowed(file: string, override: CheckedOverride, isExamined: boolean): string {
  const { topic, code, action } = override
  return lines([
    `${printableText(file)} has an override now:`,
    ...describeOverride(override).map((line) => `  ${line}`),
    '',
    `Now deploy this configuration to all consumers of ${topic}. One that stopped at the record goes on as soon as its`,
    'process has started with it. A group that reads the record later needs it, too.',
    ...(action === 'skip'
      ? []
      : [
          `Topic ${action.deadLetter} has to exist; a consumer made by decryptConsumer needs \`deadLetters\`, a connected producer.`,
        ]),
    ...(isExamined
      ? []
      : [
          `The record was not examined: if it does not fail with ${code}, the override has no effect. With --brokers or`,
          '--kafka, this command examines it first, and binds the override to its value.',
        ]),
    ...(action === 'skip' && new EnvelopeError(code, '').kind === 'unreadable'
      ? [`${code} means that another reader might open the record: --dead-letter would keep it.`]
      : []),
  ])
}

/** All overrides of a file. */
export function explainList(file: string, overrides: readonly CheckedOverride[], nowMs: number): string {
  const name = printableText(file)
  if (overrides.length === 0) return lines([`${name} has no overrides`])
  return lines([
    `${name} has ${overrides.length === 1 ? '1 override' : `${String(overrides.length)} overrides`}`,
    ...overrides.flatMap((override) => describeOverride(override, nowMs)).map((line) => `  ${line}`),
  ])
}

export function explainRemoved(file: string, place: RecordPlace): string {
  return lines([
    `${printableText(file)} has no override for ${nameOf(place)} any more`,
    '',
    'Once this configuration is deployed, a consumer that reads the record stops there, or does what its rule says.',
  ])
}

/** One override in several lines. @param nowMs if given, says whether it has ended */
export function describeOverride(override: CheckedOverride, nowMs = 0): string[] {
  const { code, action, until, untilMs, by, why, valueSha256 } = override
  const what = action === 'skip' ? 'skipped' : `sent to ${action.deadLetter}`
  return [
    `${nameOf(override)} is ${what} if it fails with ${code}`,
    `  until  ${until}`,
    `  by     ${printableText(by)}`,
    `  why    ${printableText(why)}`,
    ...(valueSha256 === undefined ? [] : [`  value  SHA-256 ${valueSha256}`]),
    ...(nowMs < untilMs ? [] : ['  it has ended and has no effect: remove it']),
  ]
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
