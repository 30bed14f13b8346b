import type { OutgoingBatch, PlainBatch } from './batch.js'
import { checkedValue, located, ownCopy, type Bytes, type PlainRecord } from './record.js'

/** A batch of a passthrough topic. */
export class PassedBatch implements OutgoingBatch {
  readonly sealed: readonly number[] = []
  readonly maxBatchBytes: undefined
  readonly isDone = true
  readonly #values: (Bytes | null)[]

  /**
   * @throws EnvelopeError INVALID_RECORD, because a client might quote a record without a value in its error, plaintext
   * included
   */
  constructor({ topic, records, pathOf }: PlainBatch) {
    this.#values = records.map((record: PlainRecord, index) => {
      try {
        return checkedValue(record)
      } catch (error) {
        throw located(error, topic, pathOf(index))
      }
    })
  }

  get values(): readonly (Bytes | null)[] {
    return this.#values
  }

  proceed(): void {
    // Nothing is sealed.
  }

  hold(): void {
    for (const [i, value] of this.#values.entries()) if (value !== null) this.#values[i] = ownCopy(value)
  }

  complete(): Promise<void> {
    return Promise.resolve()
  }
}
