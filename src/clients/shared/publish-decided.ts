import type { DeadLetterPolicy } from '../../config/rejection.js'
import type { ErrorCode } from '../../errors.js'
import { isDeadLetter, isDelivered, type Rejected } from '../../record/decide.js'
import type { PlainRecord, Source } from '../../record/record.js'
import type { DeadLetterOutbox } from './dead-letter-outbox.js'
import type { CarriedOut, ConsumedRecord, WaitFor } from './part.js'
import { publish } from './publish-dead-letters.js'
import type { RetryWait } from './retry-while-transient.js'

/** The context for publishing the dead letters of one partition. */
export interface Publishing<R, L extends PlainRecord> {
  readonly source: Required<Source>
  readonly outbox: DeadLetterOutbox<L>
  /** How long the send of a letter may take. */
  readonly sendForMs: number
  readonly waitFor: (what: () => WaitFor) => RetryWait
  readonly letterOf: (record: R, code: ErrorCode) => L
}

type DeadLetter<R> = Rejected<R, DeadLetterPolicy>

/** The least time for sending a dead letter. A client gives one request about this long. */
const MIN_SEND_MS = 30_000
/**
 * How long a send in flight may still take once the consumer stops. Without its acknowledgement, the letter would be
 * written again.
 */
const LETTER_GRACE_MS = 1000

/**
 * Publishes the dead letters among decisions, in order. If a letter is refused, or not acknowledged, the decisions end
 * before it.
 * @throws the errors of `RetryWait.attempt`
 */
export async function publishDecided<R extends ConsumedRecord, L extends PlainRecord>(
  { decisions, error: failure }: CarriedOut<R>,
  { source, outbox, sendForMs, waitFor, letterOf }: Publishing<R, L>,
): Promise<CarriedOut<R>> {
  const dead = decisions.filter(isDeadLetter)
  const partition = `${source.topic}/${String(source.partition)}`
  let written = 0
  const wait = waitFor(() => {
    const { record, error, action } = dead[written] as DeadLetter<R>
    return { offset: record.offset, deadLetter: { topic: action.deadLetter, code: error.code } }
  })
  const send = (work: Promise<unknown>): Promise<boolean> =>
    wait.attempt(work, Math.max(sendForMs, MIN_SEND_MS), LETTER_GRACE_MS)
  while (written < dead.length) {
    const [topic, run] = sameTopic(dead, written)
    const letters = run.map(({ record, error: { code } }) => letterOf(record, code))
    const failed = await publish({ outbox, partition, topic }, letters, send)
    written += failed?.index ?? run.length
    if (failed === undefined) continue
    const rejected = dead[written] as DeadLetter<R>
    const before = decisions.slice(0, decisions.indexOf(rejected))
    const error = failed.error.at({ ...source, offset: rejected.record.offset })
    if (error.kind !== 'transient')
      return { decisions: [...before, { ...rejected, action: 'stop', fatal: error }] }
    wait.failed(error)
    if (wait.isOver) return { decisions: before, error }
    if (before.some(isDelivered)) return { decisions: before }
    await wait.pause()
  }
  return { decisions, error: failure }
}

/**
 * The consecutive letters, from one on, that go to the same topic. They are sent in order, so that a count says how
 * many are written.
 */
function sameTopic<R>(dead: readonly DeadLetter<R>[], from: number): [topic: string, DeadLetter<R>[]] {
  const topic = (dead[from] as DeadLetter<R>).action.deadLetter
  const end = dead.findIndex(({ action }, i) => i > from && action.deadLetter !== topic)
  return [topic, dead.slice(from, end < 0 ? undefined : end)]
}
