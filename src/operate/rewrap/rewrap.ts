import type { Kafka, KafkaMessage } from 'kafkajs'
import { withoutListenerLimit } from '../../cancellation.js'
import type { CopyEvent } from '../../events.js'
import type { Encryption } from '../../index.js'
import { internalsOf } from '../../record/internals.js'
import { copyTopic } from '../copy/copy-topic.js'
import type { CopyProgress, CopyReport, SourceBatch, Transform } from '../copy/types.js'
import { announced } from '../copy/copy-events.js'
import type { WaitingForKms } from '../patience.js'
import { RewrapStopped } from './rewrap-stopped.js'
import { RewrapTally, type RewrapCounts } from './rewrap-counts.js'
import { rewrapperOf } from './rewrapper-of.js'
import type { Outcome } from './rewrapper.js'
import type { ResolvedChanges, WrappingChanges } from './wrapping-changes.js'

export interface RewrapOptions extends WrappingChanges {
  readonly kafka: Kafka
  /** Has the CMKs, and a rule that decrypts the topic `from`. */
  readonly encryption: Encryption
  /** The topic to read. */
  readonly from: string
  /** The topic to write: another one, with as many partitions. */
  readonly to: string
  /** The consumer group that shares the work, and whose committed offsets say where to go on. */
  readonly group: string
  /**
   * Whether the new wrappings of each DEK are tried before anything is written with them: one record is opened with each.
   * Without it, nothing protects the DEKs of other topics against forged envelopes. Default true.
   */
  readonly verify?: boolean
  /** Whether records that cannot be rewrapped are copied as they are, and counted. Default false: the run stops there. */
  readonly copyOthers?: boolean
  readonly onProgress?: (progress: CopyProgress) => void
  /** Called whenever a KMS has failed transiently. It is asked again until it answers. */
  readonly onWaiting?: (waiting: WaitingForKms) => void
  readonly signal?: AbortSignal
}

/** What this process has done. Others of the same group may have done more. */
export interface RewrapReport extends CopyReport, RewrapCounts {
  /** The topics that the envelopes were sealed for, or prefixes of them, as `decrypt.originalTopics` of readers takes them. */
  readonly originalTopics: readonly string[]
  /** DEKs that got new wrappings. */
  readonly deks: number
  /** Calls to KMSs of the encryption meanwhile. */
  readonly kmsCalls: number
}

/**
 * Copies a topic into another one with other wrappings of the DEKs: headers of envelopes, IVs, tags and bodies stay. A
 * killed run goes on where it was, with nothing lost or twice; runs with the same group share the partitions.
 *
 * A record is rewrapped only if a consumer of the topic `from` would accept it. Readers of the new topic need
 * `decrypt.originalTopics`, because the envelopes still name the topic that they were sealed for.
 *
 * @throws Error for changes that are not possible, or topics that do not fit; RewrapStopped at a record that cannot be
 * rewrapped; EnvelopeError with the place of a record if a KMS refuses finally; the reason of the signal; the errors of
 * KafkaJS
 */
export async function rewrap(options: RewrapOptions): Promise<RewrapReport> {
  const { kafka, encryption, from, to, group, verify = true, copyOthers = false } = options
  const { onProgress, onWaiting = () => undefined, signal } = options
  const { events } = internalsOf(encryption, 'rewrap')
  const lifetime = new AbortController()
  withoutListenerLimit(lifetime.signal)
  const prepared = rewrapperOf({ ...options, verify, onWaiting, signal: lifetime.signal })
  const { rewrapper, newPreambles, changes, originalTopics } = prepared
  const tally = new RewrapTally()
  // A batch counts once it is written: a transaction that fails is tried again, maybe by another process.
  const outcomesOf = new WeakMap<SourceBatch, readonly Outcome[]>()
  const transform: Transform = async (batch) => {
    const { topic, partition, messages } = batch
    // If the batch is given up, calls for DEKs go on, because other partitions may wait for them, too.
    const outcomes = await rewrapper.rewrap(partition, messages)
    outcomesOf.set(batch, outcomes)
    return messages.map(({ offset, value }, i) => {
      const outcome = outcomes[i] as Outcome
      if (!('why' in outcome)) return outcome.value
      if (copyOthers) return value
      throw new RewrapStopped({ topic, partition, offset: BigInt(offset) }, outcome.why)
    })
  }
  const onWritten = (batch: SourceBatch): void => {
    const outcomes = outcomesOf.get(batch) ?? []
    for (const [i, outcome] of outcomes.entries())
      tally.add(batch.partition, (batch.messages[i] as KafkaMessage).offset, outcome)
  }
  let kmsCalls = 0
  const stopCounting = events.on('kms.call', () => kmsCalls++)
  const announcement = { events, about: eventOf(options, changes), counts: () => countsOf(tally), signal }
  const copying = {
    ...{ kafka, from, to, group, transform, onWritten },
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  }
  try {
    const report = await announced(announcement, () => copyTopic(copying))
    return { ...report, ...tally.counts(), originalTopics, deks: newPreambles.deks, kmsCalls }
  } catch (error) {
    // What comes after an interruption is not what the caller has to know.
    signal?.throwIfAborted()
    throw error
  } finally {
    stopCounting()
    lifetime.abort()
  }
}

function countsOf(tally: RewrapTally): { messages: number; rewrapped: number; others: number } {
  const { rewrapped, unchanged, tombstones, others } = tally.counts()
  const ofOthers = others.reduce((sum, { records }) => sum + records, 0)
  return { messages: rewrapped + unchanged + tombstones + ofOthers, rewrapped, others: ofOthers }
}

function eventOf({ from, to, group }: RewrapOptions, { add, replace, remove }: ResolvedChanges): CopyEvent {
  return {
    ...{ by: 'rewrap', topic: from, target: to, groupId: group },
    added: add.map(({ id }) => id),
    replaced: replace.map((each) => ({ from: each.from.id, to: each.to.id })),
    removed: remove.map(({ id }) => id),
  }
}
