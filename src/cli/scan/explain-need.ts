import type { CmkNeed, PartitionNeed } from '../../operate/index.js'
import { figure } from '../estimate/format-units.js'
import { printableText } from '../printable.js'
import { amount, time } from './explain-report.js'

/** The answer to `--cmk` for people. */
export function explainNeed({ cmkId, needed, unclear, partitions }: CmkNeed): string {
  const answers = {
    yes: `No: records still need CMK ${cmkId}. Do not disable or delete it.`,
    no: `Yes: no record of these topics needs CMK ${cmkId}.`,
    unclear: `Unclear: no record that could be read needs CMK ${cmkId}, but`,
  }
  return [
    `Can CMK ${cmkId} be disabled or deleted?`,
    answers[needed],
    ...unclear.map((doubt) => `  ${printableText(doubt)}`),
    ...partitions.flatMap(explainPartition),
    ...hints(needed, partitions),
    'Before you do it: other topics, mirrors, backups and open transactions may need it too, and no rule may encrypt under it any more.',
    '',
  ].join('\n')
}

/** On what a yes rests. */
function hints(needed: CmkNeed['needed'], partitions: readonly PartitionNeed[]): string[] {
  if (needed === 'yes') return []
  return partitions.length === 0
    ? ['  No record that was read names it. Check that its id is written as records have theirs.']
    : ['  Their other CMKs alone open these records then. Make sure that those are enabled and stay.']
}

function explainPartition(need: PartitionNeed): string[] {
  const { topic, partition, records, only, first, last, latest, groups, goneBy } = need
  const until = latest === undefined ? '' : `, up to ${time(latest)}`
  return [
    `  ${printableText(topic)}, partition ${String(partition)}, offsets ${first} to ${last}${until}: ${amount(records, 'record')} under it, ${figure(only)} of them under it alone`,
    ...groups.map(
      ({ groupId, next }) =>
        `    group ${printableText(groupId)} has yet to read them: it is at offset ${next}`,
    ),
    goneBy === null
      ? '    retention by time never removes them'
      : `    retention removes them by about ${time(goneBy)}`,
  ]
}
