import { Backoff } from '../../backoff.js'
import type { DeadLetterPolicy } from '../../config/rejection.js'
import type { EnvelopeError } from '../../errors.js'
import { isDeadLetter, type Decision, type Rejected } from '../../record/decide.js'
import type { PlainRecord, Source } from '../../record/record.js'
import type { DeadLetterOutbox } from './dead-letter-outbox.js'
import { PATIENCE_MS } from './open-patiently.js'
import type { ConsumedRecord, WaitFor } from './part.js'
import { nameOf } from './place.js'
import { publish } from './publish-dead-letters.js'
import type { WaitInPlace } from './wait-in-place.js'

/** The context for publishing the dead letters of one partition. */
export interface Publishing<R, L extends PlainRecord> {
  readonly source: Required<Source>
  readonly outbox: DeadLetterOutbox<L>
  readonly pauses: LetterPauses
  readonly waitFor: (what: () => WaitFor) => WaitInPlace
  readonly letterOf: (rejected: DeadLetter<R>) => L
}

/** Decisions whose dead letters are acknowledged. */
export interface Published<R> {
  readonly decisions: readonly Decision<R>[]
  /** Set if the first record waits for this topic to accept its dead letter. Then `decisions` is empty. */
  readonly heldUp?: {
    readonly by: WaitFor
    readonly topic: string
    readonly failure: EnvelopeError
    readonly waitedMs: number
  }
}

/** The delays between attempts to publish on topics that accept no dead letter, or accept them slowly. */
export class LetterPauses {
  readonly #pauses = new Map<string, Backoff>()
  readonly #late = new Set<string>()
  readonly #share: () => number

  /** @param share as for `Backoff` */
  constructor(share: () => number) {
    this.#share = share
  }

  /** Records that a topic has not answered in time. */
  late(topic: string): void {
    this.#late.add(topic)
  }

  /** How long to wait in place for an acknowledgement, in ms. The send continues after that. */
  patienceMs(topic: string): number {
    return this.#late.has(topic) ? LATE_PATIENCE_MS : PATIENCE_MS
  }

  /** Records a failed attempt. Returns how long to wait before the next one, in ms. */
  next(topic: string): number {
    let pauses = this.#pauses.get(topic)
    if (pauses === undefined) this.#pauses.set(topic, (pauses = new Backoff(PAUSES, this.#share)))
    return pauses.next()
  }

  /**
   * Records that a topic has accepted a dead letter.
   * @param inTime whether a consumer waited for it in place, and not in vain
   */
  accepted(topic: string, inTime: boolean): void {
    this.#pauses.delete(topic)
    if (inTime) this.#late.delete(topic)
  }
}

type DeadLetter<R> = Rejected<R, DeadLetterPolicy>

/** How long to wait in place for a topic that was late the last time. Several partitions may wait for it in turn. */
const LATE_PATIENCE_MS = 100
const PAUSES = { firstMs: 200, maxMs: 10_000 } as const
/**
 * How long a send in flight may still take once the consumer stops. Without its acknowledgement, the letter would be
 * written again.
 */
const LETTER_GRACE_MS = 1000

/**
 * Publishes the dead letters among decisions, in order. If a letter is refused, or not acknowledged, the decisions end
 * before it.
 * @throws the errors of `WaitInPlace.for`
 */
export async function publishDecided<R extends ConsumedRecord, L extends PlainRecord>(
  decisions: readonly Decision<R>[],
  { source, outbox, pauses, waitFor, letterOf }: Publishing<R, L>,
): Promise<Published<R>> {
  const dead = decisions.filter(isDeadLetter)
  const partition = nameOf(source)
  let written = 0
  const waitsFor = (): WaitFor => {
    const { record, error, action } = dead[written] as DeadLetter<R>
    return { offset: record.offset, deadLetter: { topic: action.deadLetter, code: error.code } }
  }
  const wait = waitFor(waitsFor)
  while (written < dead.length) {
    const [topic, run] = sameTopic(dead, written)
    const send = (work: Promise<unknown>): Promise<boolean> =>
      wait.for(work, Math.max(0, pauses.patienceMs(topic) - wait.waitedMs), LETTER_GRACE_MS)
    const letters = run.map(letterOf)
    const known = outbox.acknowledged(partition, { topic, letters })
    const failed = await publish({ outbox, partition, topic }, letters, send)
    const accepted = failed?.index ?? run.length
    if (accepted > 0) pauses.accepted(topic, accepted > known)
    written += accepted
    if (failed === undefined) continue
    const rejected = dead[written] as DeadLetter<R>
    const before = decisions.slice(0, decisions.indexOf(rejected))
    if (accepted === 0) pauses.late(topic)
    const failure = failed.error.at({ ...source, offset: rejected.record.offset })
    if (failure.kind !== 'transient')
      return { decisions: [...before, { ...rejected, action: 'stop', fatal: failure }] }
    if (before.length === 0)
      return { decisions: [], heldUp: { by: waitsFor(), topic, failure, waitedMs: wait.waitedMs } }
    wait.failed(failure)
    return { decisions: before }
  }
  return { decisions }
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
