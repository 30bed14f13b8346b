import type { CopiedPartition, CopyReport } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printableText } from '../printable.js'

/** Whether every offset up to the ends was read, and no open transaction hides more. */
export function isWhole({ partitions }: CopyReport): boolean {
  return partitions.every((partition) => !isShort(partition) && partition.openFrom === undefined)
}

/**
 * What a command that copies a topic has done, for people.
 * @param done what it did to records, such as `resealed`
 * @param means what it needed for that, such as `3 new DEKs`
 */
export function explainCopy(report: CopyReport, done: string, means: string): string {
  const { from, to, group, partitions } = report
  const total = (member: 'records' | 'bytesRead' | 'bytesWritten'): number =>
    partitions.reduce((sum, partition) => sum + partition[member], 0)
  const rows = [
    ['partition', 'records', 'bytes read', 'bytes written', 'next offset'],
    ...partitions.map(({ partition, records, bytesRead, bytesWritten, next }) => [
      ...[String(partition), figure(records), figure(bytesRead), figure(bytesWritten), next],
    ]),
    ['all', figure(total('records')), figure(total('bytesRead')), figure(total('bytesWritten')), ''],
  ]
  const notes = notesOf(report).map((note) => `${note}\n`)
  return [
    `${printableText(from)}: ${done} into ${printableText(to)} by this process, with ${means}\n`,
    table(rows),
    ...notes,
    `The same command with --group ${printableText(group)} goes on here, with what arrives from now on.\n`,
  ].join('')
}

/** A sentence for each partition that was not read up to its end, or has an open transaction. */
export function notesOf({ partitions }: CopyReport): readonly string[] {
  return partitions.flatMap((each) => {
    const { partition, next, end, openFrom } = each
    const name = `Partition ${String(partition)}`
    return [
      ...(isShort(each)
        ? [
            `${name}: the broker gave nothing from offset ${next} to its end, ${end}; compaction may have removed the records.`,
          ]
        : []),
      ...(openFrom === undefined
        ? []
        : [
            `${name}: a transaction is open from offset ${openFrom} on, so nothing from there on is copied. Run the command again once it has ended.`,
          ]),
    ]
  })
}

function isShort({ next, end }: CopiedPartition): boolean {
  return BigInt(next) < BigInt(end)
}

/** Figures are flush right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, i) => cell.padStart(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
