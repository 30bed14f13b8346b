import { Backoff } from '../../backoff.js'
import { waitFor } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { isEnvelopeError } from '../../errors.js'
import type { Encryption } from '../../index.js'
import { openRecords } from '../../record/open-records.js'
import { hasEnvelopePrefix } from '../../record/record.js'
import { sealRecords } from '../../record/seal-records.js'
import { placeOf } from '../copy/place.js'
import type { SourceBatch, Transform } from '../copy/types.js'

const RETRY = { firstMs: 500, maxMs: 10_000 }
/** About two minutes, in addition to the attempts of the KMS. */
const MAX_FAILURES = 15

/** Opens records under the rule of their topic, and seals them under that of another topic. */
export function resealing(encryption: Encryption, to: string): Transform {
  return async (batch) => {
    const values = await patiently(batch.signal, () => openAll(encryption, batch))
    const plain = batch.messages.map(({ key, headers }, n) => ({
      topic: to,
      key,
      value: values[n] as Buffer | null,
      ...(headers && { headers }),
    }))
    const sealed = await patiently(batch.signal, () => located(batch, () => sealRecords(encryption, plain)))
    return sealed.map(({ value }) => value)
  }
}

async function openAll(
  encryption: Encryption,
  { topic, partition, messages }: SourceBatch,
): Promise<(Buffer | null)[]> {
  const records = messages.map(({ key, value, headers, offset }) => ({
    ...{ topic, partition, offset, key, value },
    ...(headers && { headers }),
  }))
  const opened = await openRecords(encryption, records)
  return opened.map(({ error, value }, n) => {
    if (error !== undefined) throw error
    // Sealing would refuse it, or pass it with the DEK that it has.
    if (value !== null && hasEnvelopePrefix(value)) {
      const place = placeOf(topic, partition, messages[n]?.offset ?? '')
      throw new Error(
        `${place}: what it holds under the rule of ${topic} is an envelope already: give that rule \`decrypt\``,
      )
    }
    return value
  })
}

/** An error about `records[3]` of a call is about a record of the source topic. */
async function located<T>({ topic, partition, messages }: SourceBatch, seal: () => Promise<T>): Promise<T> {
  try {
    return await seal()
  } catch (error) {
    const path = isEnvelopeError(error) ? /^records\[(\d+)\]/.exec(error.position?.path ?? '') : null
    const offset = path && messages[Number(path[1])]?.offset
    if (!isEnvelopeError(error) || offset === undefined || offset === null) throw error
    throw error.at({ topic, partition, offset })
  }
}

/** Repeats a call until its failure is not one that may pass, or was there too often. */
async function patiently<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(RETRY)
  for (let failures = 1; ; failures++) {
    try {
      return await call()
    } catch (error) {
      if (!isEnvelopeError(error) || error.kind !== 'transient' || failures > MAX_FAILURES) throw error
    }
    await waitFor(new Promise(() => undefined), { ms: backoff.next(), clock: systemClock, signal })
    signal.throwIfAborted()
  }
}
