import type { RewrapReport } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { notesOf } from '../copy/explain-copy.js'
import { printableText } from '../printable.js'

/** Whether records were copied as they were that may be sealed: plaintext needs no CMK, but all else may. */
export function mayNeedOldCmks({ others }: RewrapReport): boolean {
  return others.some(({ code }) => code !== 'NOT_SEALED')
}

/** What a run did, as text for a terminal. */
export function explainRewrap(report: RewrapReport): string {
  const { from, to, partitions, originalTopics, rewrapped, unchanged, tombstones, others, deks, kmsCalls } =
    report
  const sum = (of: (partition: (typeof partitions)[number]) => number): number =>
    partitions.reduce((total, partition) => total + of(partition), 0)
  const rows: [what: string, records: number, note: string][] = [
    ['rewrapped', rewrapped, ''],
    ['unchanged', unchanged, 'sealed, with no wrapping to change'],
    ['tombstones', tombstones, ''],
    ...others.map(({ code, records, first }): [string, number, string] => [
      code,
      records,
      `could not be rewrapped, copied as they are; first at ${String(first.partition)}:${first.offset}`,
    ]),
  ]
  const lines = [
    `${from} to ${to}: ${counted(
      sum(({ records }) => records),
      'record',
    )} copied by this process`,
    ...rows
      .filter(([, records], i) => i === 0 || records > 0)
      .map(([what, records, note]) =>
        `  ${what.padEnd(22)} ${figure(records).padStart(13)}  ${note}`.trimEnd(),
      ),
    `  ${counted(deks, 'DEK')} got new wrappings, with ${counted(kmsCalls, 'call')} to KMSs`,
    `  values took ${figure(sum(({ bytesRead }) => bytesRead))} bytes, and now take ${figure(sum(({ bytesWritten }) => bytesWritten))}`,
    ...partitions.map(
      ({ partition, next, end }) =>
        `  partition ${String(partition)}: done up to offset ${next}${next === end ? '' : ` of ${end}`}`,
    ),
    ...notesOf(report),
    ...(mayNeedOldCmks(report)
      ? [
          '',
          'Records that were copied as they are may still need the CMKs that they had: look at them first.',
        ]
      : []),
    '',
    `The envelopes still name the topic that they were sealed for. Readers of ${to} need this in its rule:`,
    `  decrypt: { originalTopics: [${originalTopics.join(', ')}] }`,
  ]
  return `${lines.map(printableText).join('\n')}\n`
}

function counted(count: number, what: string): string {
  return `${figure(count)} ${what}${count === 1 ? '' : 's'}`
}
