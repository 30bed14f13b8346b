import type { KafkaMessage } from 'kafkajs'
import { offsetNumber } from '../../record/record.js'
import { nameOf, type Place } from '../shared/place.js'

/**
 * Batches that `eachMessage` has left at a message, so that KafkaJS fetches that message again.
 *
 * No error says so, because KafkaJS would count it. A seek would last too long: KafkaJS keeps it until the next fetch, even
 * if the partition goes to another consumer meanwhile. But KafkaJS resolves the offset that a message has after its
 * handler. So the message gets the offset before its own, and so does every message after it in the same batch, which are
 * not handled.
 */
export class LeftBatches {
  /** By partition, the offset before the message at which its batch was left. */
  readonly #left = new Map<string, string>()

  /** Leaves a batch at this message. */
  leave(place: Place, message: KafkaMessage): void {
    message.offset = (offsetNumber(message.offset) - 1n).toString()
    this.#left.set(nameOf(place), message.offset)
  }

  /** Whether the batch of a message was left before it. Then it must not be handled. */
  skips(place: Place, message: KafkaMessage): boolean {
    if (this.#left.size === 0) return false
    const offset = this.#left.get(nameOf(place))
    if (offset === undefined) return false
    message.offset = offset
    return true
  }

  /** KafkaJS begins with the next batch of a partition. */
  began(place: Place): void {
    if (this.#left.size > 0) this.#left.delete(nameOf(place))
  }

  clear(): void {
    this.#left.clear()
  }
}
