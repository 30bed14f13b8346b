import type { Admin, Kafka } from 'kafkajs'
import { waitFor } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { rangesOf, type OffsetRange } from '../topics/ranges.js'
import { readTopics } from '../topics/read-topics.js'
import { readCheckpoints, type Checkpoint, type CopyRoute } from './checkpoint.js'
import { mayPass } from './failures.js'

/** What the checks need. */
export interface Target {
  readonly kafka: Kafka
  readonly admin: Admin
  readonly route: CopyRoute
  readonly signal: AbortSignal
}

/** Another process of the group may write meanwhile, and a broker may show an offset a moment after its commit. */
const ATTEMPTS = 4
const WAIT_MS = 500

/**
 * The checkpoints of partitions, once the target topic holds no record after them. If it does, either a checkpoint is not
 * the last one, and records would be written twice, or somebody else writes to the topic.
 * @returns one for each of the partitions; if nothing of it was copied, `next` is 0
 * @throws Error that says what the target topic holds
 */
export async function settledCheckpoints(
  target: Target,
  partitions: readonly number[],
): Promise<Map<number, Checkpoint>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await checkpointsThatHold(target, partitions)
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof TargetProblem || mayPass(error))) throw error
    }
    await waitFor(new Promise(() => undefined), { ms: WAIT_MS, clock: systemClock, signal: target.signal })
    target.signal.throwIfAborted()
  }
}

/** It may be gone at the next attempt. */
class TargetProblem extends Error {}

async function checkpointsThatHold(
  target: Target,
  partitions: readonly number[],
): Promise<Map<number, Checkpoint>> {
  const known = await readCheckpoints(target.admin, target.route)
  const ranges = (await rangesOf(target.admin, [target.route.to])).filter(({ partition }) =>
    partitions.includes(partition),
  )
  const problem = shortened(ranges, known, target.route) ?? (await foreign(ranges, known, target))
  if (problem !== undefined) throw new TargetProblem(problem)
  return new Map(
    ranges.map(({ partition, to }) => [partition, known.get(partition) ?? { next: 0n, target: to }]),
  )
}

function shortened(
  ranges: readonly OffsetRange[],
  known: ReadonlyMap<number, Checkpoint>,
  { to, group }: CopyRoute,
): string | undefined {
  for (const { partition, to: end } of ranges) {
    const written = known.get(partition)?.target ?? 0n
    if (written > end) {
      return `partition ${String(partition)} of ${to} ends at offset ${String(end)}, but group ${group} has written up to ${String(written)}: was the topic made anew? Then delete the group, too`
    }
  }
  return undefined
}

async function foreign(
  ranges: readonly OffsetRange[],
  known: ReadonlyMap<number, Checkpoint>,
  { kafka, route, signal }: Target,
): Promise<string | undefined> {
  const { to, group } = route
  const after = ranges.map((range) => {
    const written = known.get(range.partition)?.target ?? 0n
    return written > range.from ? { ...range, from: written } : range
  })
  let found: { readonly partition: number; readonly offset: string } | undefined
  await readTopics({
    ...{ kafka, purpose: 'copy', ranges: after, signal },
    onBatch: ({ partition, messages: [message] }) => {
      if (message !== undefined) found = { partition, offset: message.offset }
      return 'stop'
    },
  })
  if (found === undefined) return undefined
  const where = `offset ${found.offset} of partition ${String(found.partition)}`
  return known.has(found.partition)
    ? `${to} has records that group ${group} did not write, such as the one at ${where}: nobody else may write to it`
    : `${to} has to be empty when group ${group} begins, but it has a record at ${where}`
}
