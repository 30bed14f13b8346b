import type { GroupCutover } from './groups.js'
import { amount, arriving, goneBy, lastOf, namesOf, placeOf, total } from './occurrences.js'
import type { PartitionCutover } from './partition-counts.js'
import { hasEnded } from './until-offsets.js'

/**
 * Which plaintext the rule accepts: `all` in every partition, so far without end; `ended`: only what is before its offsets,
 * and new plaintext is refused; `partly`: ended in some partitions; `none`; `unknown` without rules.
 */
export type Accepted = 'all' | 'ended' | 'partly' | 'none' | 'unknown'

/** One phase of the runbook, in its order. */
export interface Phase extends Verdict {
  readonly phase: keyof typeof PHASES
}

interface Verdict {
  /** Null if it cannot be told. */
  readonly isOver: boolean | null
  /** For people, each without a full stop. */
  readonly why: readonly string[]
}

/** What is known of one topic. */
export interface TopicFacts {
  readonly accepts: Accepted
  /** Whether a rule decrypts it. */
  readonly hasRule: boolean
  readonly partitions: readonly PartitionCutover[]
  readonly groups: readonly GroupCutover[]
  /** How long the topic keeps a record at most, in ms; null if time removes none. */
  readonly keepsMs: number | null
}

const PHASES = { readers, canary, producers, require: required, oldPlaintext }

export function phasesOf(facts: TopicFacts): Phase[] {
  const names = Object.keys(PHASES) as (keyof typeof PHASES)[]
  return names.map((phase) => ({ phase, ...PHASES[phase](facts) }))
}

export function acceptedBy(partitions: readonly PartitionCutover[]): Exclude<Accepted, 'unknown'> {
  const known = partitions.filter(({ until }) => until !== null)
  const ended = known.filter(({ until, end }) => hasEnded(until, end))
  if (known.length === 0) return 'none'
  if (ended.length === known.length) return 'ended'
  return ended.length === 0 && known.length === partitions.length ? 'all' : 'partly'
}

/** What it takes to go back to plaintext now. */
export function wayBack({ accepts, partitions, keepsMs }: TopicFacts): string[] {
  const sealed = lastOf(partitions, 'sealed')
  return [
    accepts === 'unknown'
      ? 'producers can return to plaintext once all consumers accept it'
      : accepts === 'all'
        ? 'producers can return to plaintext at any time: the rule accepts it'
        : 'first deploy consumers that accept all plaintext again (--accept-plaintext), then let producers return to it',
    sealed === undefined
      ? 'no sealed record was read: consumers have to stay wrapped if there are some before'
      : `consumers have to stay wrapped as long as the topic has sealed records, the last at ${placeOf(sealed)}${goneBy(sealed, keepsMs)}`,
  ]
}

const over = (...why: string[]): Verdict => ({ isOver: true, why })
const notOver = (...why: string[]): Verdict => ({ isOver: false, why })
const unclear = (...why: string[]): Verdict => ({ isOver: null, why })
const UNKNOWN_RULE = 'which plaintext the rule accepts is not known without rules'
const NO_RULE = 'no rule decrypts this topic'
const NO_GROUP = 'no group has committed an offset'

function readers(facts: TopicFacts): Verdict {
  const { accepts, hasRule, partitions, groups } = facts
  if (accepts === 'unknown') return unclear(UNKNOWN_RULE)
  if (!hasRule) return notOver(NO_RULE)
  if (accepts === 'none' && total(partitions, 'plaintext') > 0)
    return notOver(
      'the rule accepts no plaintext, so consumers stop at it: --accept-plaintext changes the rule',
    )
  const missing = partitions.filter(({ until }) => until === null)
  if (accepts === 'partly' && missing.length > 0)
    return notOver(`the rule accepts no plaintext in ${namesOf(missing)}`)
  const rule = accepts === 'all' ? ['the rule accepts plaintext and envelopes'] : []
  if (groups.length === 0) return unclear(...rule, NO_GROUP)
  if (notPastSealed(facts)?.length !== 0)
    return unclear(...rule, 'you have to know whether all consumers of the groups are wrapped')
  const passed =
    'each group has read past sealed records: its consumers are wrapped, unless they pass over what they cannot parse'
  return over(...rule, passed)
}

function canary(facts: TopicFacts): Verdict {
  const behind = notPastSealed(facts)
  if (behind === undefined) return notOver('no sealed record was read')
  const found = amount(total(facts.partitions, 'sealed'), 'sealed record')
  if (facts.groups.length === 0) return unclear(found, NO_GROUP)
  if (behind.length === 0) return over(found, 'each group has read past some')
  return notOver(found, `in some partitions, these groups have not read past one: ${idsOf(behind)}`)
}

function producers({ accepts, partitions: all }: TopicFacts): Verdict {
  const partitions = all.map((each) => ({ ...each, plaintext: arriving(each) }))
  const last = lastOf(partitions, 'plaintext')
  const behind = accepts === 'ended' ? ' behind its end' : ''
  if (last !== undefined) {
    const found = amount(total(partitions, 'plaintext'), 'plaintext record')
    return notOver(`${found}${behind}, the last at ${placeOf(last)}`)
  }
  const doubts = doubtsOf(partitions)
  if (doubts.length > 0) return unclear(...doubts)
  const sealed = total(partitions, 'sealed')
  if (sealed === 0) return unclear(`no plaintext${behind} was read, and no sealed record either`)
  return over(`no plaintext${behind} was read, and ${amount(sealed, 'sealed record')}`)
}

function required({ accepts, hasRule, partitions }: TopicFacts): Verdict {
  if (accepts === 'unknown') return unclear(UNKNOWN_RULE)
  if (!hasRule) return notOver(NO_RULE)
  if (accepts === 'all')
    return notOver('the rule accepts plaintext without end: once producers are over, --write ends it')
  const refused = lastOf(partitions, 'refused')
  if (refused !== undefined) {
    const found = amount(total(partitions, 'refused'), 'plaintext record')
    return notOver(`consumers stop at ${found}, the last at ${placeOf(refused)}`)
  }
  if (accepts === 'partly') {
    const open = partitions.filter(({ until, end }) => until !== null && !hasEnded(until, end))
    return notOver(`plaintext has not ended in ${namesOf(open)}: --write ends it`)
  }
  const doubts = doubtsOf(partitions)
  if (doubts.length > 0) return unclear(...doubts)
  if (accepts === 'none') return over('the rule accepts no plaintext')
  return over('plaintext has ended, and none was read behind its end')
}

function oldPlaintext({ accepts, hasRule, partitions, groups, keepsMs }: TopicFacts): Verdict {
  if (accepts !== 'unknown' && !hasRule) return notOver(NO_RULE)
  if (accepts === 'none') return over('the rule accepts no plaintext')
  if (accepts !== 'ended' || total(partitions, 'refused') > 0) return notOver('comes after the others')
  const left = partitions.filter(({ until, low }) => until !== null && BigInt(low) < BigInt(until))
  if (left.length === 0) return over('no record is left that it could be: remove `plaintext` from the rule')
  const behind = groups.filter(({ next }) =>
    left.some(({ partition, until }) => BigInt(next[partition] ?? 0) < BigInt(until ?? 0)),
  )
  if (groups.length > 0 && behind.length === 0) {
    return over(
      'each group has read past it: remove `plaintext` from the rule, unless a group is to read from the beginning again',
    )
  }
  const last = lastOf(left, 'plaintext')
  return notOver(
    `${namesOf(left)} may have some left${last === undefined ? '' : goneBy(last, keepsMs)}`,
    behind.length === 0 ? NO_GROUP : `these groups have yet to read past it: ${idsOf(behind)}`,
  )
}

/** Groups that have not read past sealed records in each partition that has some; undefined if none has. */
function notPastSealed({ partitions, groups }: TopicFacts): GroupCutover[] | undefined {
  const sealed = partitions.filter((each) => each.sealed !== null)
  if (sealed.length === 0) return undefined
  return groups.filter(({ next }) =>
    sealed.some((each) => BigInt(next[each.partition] ?? 0) <= BigInt(each.sealed?.first ?? 0)),
  )
}

/** Why nothing can be said although no plaintext was read. */
function doubtsOf(partitions: readonly PartitionCutover[]): string[] {
  const incomplete = partitions.filter(({ isComplete }) => !isComplete)
  const unknown = total(partitions, 'unknownFormat')
  const malformed = total(partitions, 'malformed')
  return [
    ...(incomplete.length === 0 ? [] : [`not all records could be read in ${namesOf(incomplete)}`]),
    ...(unknown === 0
      ? []
      : [
          `${amount(unknown, 'record')} of an unknown format: if it is your own Avro, list its fingerprint in the rule`,
        ]),
    ...(malformed === 0 ? [] : [amount(malformed, 'malformed record')]),
  ]
}

function idsOf(groups: readonly GroupCutover[]): string {
  return groups.map(({ groupId }) => groupId).join(', ')
}
