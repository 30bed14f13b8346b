import type { PartitionReport } from './report.js'
import { addAll, emptyTally } from './tally.js'

/** One report of two runs of a partition, of which the second begins where the first ends. */
export function joinRuns(
  before: PartitionReport,
  after: PartitionReport,
  isWatched: (value: string) => boolean,
): PartitionReport {
  const tally = emptyTally()
  for (const each of [before, after]) addAll(tally, each.tally, isWatched)
  return {
    partition: before.partition,
    from: before.from,
    next: after.next,
    to: BigInt(before.to) > BigInt(after.to) ? before.to : after.to,
    records: before.records + after.records,
    bytes: before.bytes + after.bytes,
    overheadBytes: before.overheadBytes + after.overheadBytes,
    tally,
    lastRecord: after.lastRecord ?? before.lastRecord,
    begin: before.begin,
    openFrom: after.openFrom,
  }
}

/** Of the report that has a run. */
export type NameOf = (run: PartitionReport) => string | undefined

export function confirmed({ isUnconfirmed: _, ...run }: PartitionReport): PartitionReport {
  return run
}

/**
 * Those of the runs of one partition that follow each other and hold each record once. An unconfirmed run is left out
 * where another member has read the same again: the group's offset stood at its beginning then.
 * @throws Error if two confirmed runs have the same record, or if offsets between runs are missing
 */
export function runsInOrder(
  runs: readonly PartitionReport[],
  nameOf: NameOf = () => undefined,
): PartitionReport[] {
  const all = runs
    .filter(({ from, next }) => from !== next)
    .toSorted((a, b) => Number(BigInt(a.from) - BigInt(b.from)))
  const certain = all.filter(({ isUnconfirmed }) => isUnconfirmed === undefined)
  for (const [i, run] of certain.entries()) {
    const before = certain[i - 1]
    if (before !== undefined && BigInt(before.next) > BigInt(run.from)) {
      throw new Error(
        `the offsets from ${run.from} up to ${before.next} were read by two scans${inside(nameOf(before), nameOf(run))}`,
      )
    }
  }
  const isFree = (run: PartitionReport): boolean => !certain.some((other) => overlap(run, other))
  const usable = all.filter((run) => run.isUnconfirmed === undefined || isFree(run))
  const [first] = usable
  if (first === undefined) return runs.slice(0, 1)
  const chain = longestChain(usable, first.from, new Map())
  const left = certain.find((run) => !chain.includes(run))
  if (left !== undefined) {
    const last = chain.at(-1) ?? first
    const [before, after] = [nameOf(last), nameOf(left)]
    const where =
      before === undefined || after === undefined
        ? ''
        : `: ${before} ends before them, and ${after} begins after them`
    throw new Error(`the offsets from ${last.next} up to ${left.from} were read by no scan${where}`)
  }
  return chain
}

function inside(one: string | undefined, other: string | undefined): string {
  if (one === undefined || other === undefined) return ''
  return one === other ? `: twice in ${one}` : `: they are in ${one} and in ${other}`
}

function overlap(a: PartitionReport, b: PartitionReport): boolean {
  return BigInt(a.from) < BigInt(b.next) && BigInt(b.from) < BigInt(a.next)
}

/** Of the runs that begin at this offset, and those that follow, those that reach furthest. */
function longestChain(
  runs: readonly PartitionReport[],
  from: string,
  known: Map<string, PartitionReport[]>,
): PartitionReport[] {
  const before = known.get(from)
  if (before !== undefined) return before
  const chains = runs
    .filter((run) => run.from === from)
    .map((run) => [run, ...longestChain(runs, run.next, known)])
  const chain = chains.reduce((best, each) => (end(each) > end(best) ? each : best), [])
  known.set(from, chain)
  return chain
}

function end(chain: readonly PartitionReport[]): bigint {
  return BigInt(chain.at(-1)?.next ?? -1)
}
