import type { Kafka } from 'kafkajs'
import type { Encryption } from '../../index.js'
import { internalsOf } from '../../record/internals.js'
import { announced } from '../copy/copy-events.js'
import { copyTopic } from '../copy/copy-topic.js'
import type { CopyProgress, CopyReport } from '../copy/types.js'
import { resealing } from './resealing.js'

export interface ResealOptions {
  readonly kafka: Kafka
  /** Its rules say how to open records of `from`, and how to seal records of `to`. */
  readonly encryption: Encryption
  /** The topic to read. */
  readonly from: string
  /** The topic to write: it has as many partitions, and nobody else writes to it. */
  readonly to: string
  /** The consumer group whose committed offsets say how far it is. Processes with the same group share the partitions. */
  readonly group: string
  /** Called about twice a second. */
  readonly onProgress?: (progress: CopyProgress) => void
  readonly signal?: AbortSignal
}

/** What this process has done. Other processes of the same group may have done more. */
export interface ResealReport extends CopyReport {
  /** Sealing sessions that began, each under a DEK of its own unless the DEK was stored or provisioned. */
  readonly deks: number
}

/**
 * Opens the records of a topic, and seals them anew into another one, under DEKs that are new there: exactly once, with
 * the same keys, headers, timestamps, partitions and order, up to the end that the topic has now. The next run with the
 * same group goes on where this one ended.
 *
 * A record that does not open stops it, whatever `onInvalid` and `onUnreadable` of its rule say. Failures that may pass are
 * waited for, for two minutes each.
 *
 * @throws EnvelopeError for the first record that does not open or cannot be sealed, with its place; TOPIC_NOT_CONFIGURED
 * @throws Error if the topics do not fit each other, or the target holds what this group did not write; the reason of the
 * signal; the errors of KafkaJS
 */
export async function reseal(options: ResealOptions): Promise<ResealReport> {
  const { encryption, from, to, group, signal, ...copy } = options
  const { rules, events } = internalsOf(encryption, 'reseal')
  rules.forReading(from)
  if (rules.forWriting(to) === 'passthrough') {
    throw new Error(
      `the rule of ${to} is passthrough, so records would be written as plaintext: give it \`encrypt\``,
    )
  }
  let [deks, messages] = [0, 0]
  const stopCounting = encryption.on('dek.created', () => {
    deks++
  })
  try {
    const about = { by: 'reseal', topic: from, target: to, groupId: group } as const
    const report = await announced({ events, about, counts: () => ({ messages }), signal }, () =>
      copyTopic({
        ...{ ...copy, from, to, group, transform: resealing(encryption, to) },
        onWritten: (batch) => {
          messages += batch.messages.length
        },
        ...(signal && { signal }),
      }),
    )
    return { ...report, deks }
  } finally {
    stopCounting()
  }
}
