import type { KafkaMessage } from 'kafkajs'
import { Backoff } from '../../backoff.js'
import { systemClock } from '../../clock.js'
import type { Encryption } from '../../index.js'
import type { ReadBatch } from '../../operate/topics/read-topics.js'
import { openRecords } from '../../record/index.js'

/** Pauses of half a minute in all, for a KMS that is unavailable for a moment. */
const ATTEMPTS = 8
const PAUSES = { firstMs: 200, maxMs: 10_000 }

/**
 * Opens records of a batch through the decrypt rule of the topic. It does not ask the rule what to do about a record
 * that does not open: the handlers of a rule are the application's.
 * @throws EnvelopeError of the first record that does not open, with its position; the errors of `heartbeat`
 */
export async function openValues(
  encryption: Encryption,
  { topic, partition, heartbeat }: Pick<ReadBatch, 'topic' | 'partition' | 'heartbeat'>,
  messages: readonly KafkaMessage[],
): Promise<(Buffer | null)[]> {
  const records = messages.map(({ key, value, offset, headers }) => ({
    ...{ topic, partition, offset },
    ...{ key, value, headers },
  }))
  const pauses = new Backoff(PAUSES)
  for (let attempt = 1; ; attempt++) {
    const opened = await openRecords(encryption, records)
    await heartbeat()
    const failure = opened.find(({ error }) => error !== undefined)?.error
    if (failure === undefined) return opened.map(({ value }) => value ?? null)
    if (failure.kind !== 'transient' || attempt === ATTEMPTS) throw failure
    await new Promise<void>((resolve) => systemClock.timeout(resolve, pauses.next()))
  }
}
