import { printableText } from '../printable.js'
import type { Written } from './write-offsets.js'

/** What was written, and what to do now, for people. */
export function explainWritten(
  file: string,
  { topics: written, isChanged }: Written,
  what: 'ends' | 'all',
): string {
  const topics = Object.entries(written).map(([topic, until]) =>
    what === 'all'
      ? `  ${printableText(topic)}: all plaintext, in ${partitions(Object.keys(until).length)}`
      : `  ${printableText(topic)}: plaintext before ${Object.entries(until)
          .map(([partition, offset]) => `${partition}:${offset}`)
          .join(' ')}`,
  )
  const next =
    what === 'all'
      ? [
          'Deploy consumers with this file before any producer changes.',
          'Until --write ends it, they accept plaintext from anyone who can write to the topic.',
        ]
      : [
          'Deploy consumers with this file. They stop at plaintext that a producer writes from now on.',
          'Run cutover again afterwards: it shows whether any came.',
        ]
  return [
    `${printableText(file)} ${isChanged ? 'now accepts' : 'is not changed: it accepts'}`,
    ...topics,
    ...next,
    '',
  ].join('\n')
}

function partitions(count: number): string {
  return count === 1 ? '1 partition' : `${String(count)} partitions`
}
