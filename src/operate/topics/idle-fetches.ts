import type { Consumer } from 'kafkajs'

/**
 * Counts fetches that bring nothing. Each broker is fetched from on its own, and one may be slower than others. A fetch
 * counts as a whole if the broker waited for records as long as it was asked to. One that comes back sooner, because it
 * failed or was throttled, says less.
 */
export class IdleFetches {
  readonly #byBroker = new Map<number, number>()
  /** What each last fetch counts, until it is known that it brought nothing. */
  readonly #answered = new Map<number, number>()

  /** @param fetchMs how long the consumer lets a fetch wait for records */
  constructor(consumer: Consumer, fetchMs: number) {
    const { events } = consumer
    // Only then are the records of the last fetch delivered.
    consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => {
      this.#byBroker.set(nodeId, (this.#byBroker.get(nodeId) ?? 0) + (this.#answered.get(nodeId) ?? 0))
      this.#answered.delete(nodeId)
    })
    consumer.on(events.FETCH, ({ payload: { nodeId, duration } }) => {
      this.#answered.set(nodeId, Math.min(1, duration / fetchMs))
    })
    // KafkaJS emits this even for a batch without records to deliver, such as one of an aborted transaction.
    consumer.on(events.END_BATCH_PROCESS, () => {
      this.reset()
    })
  }

  /** So many in a row, from each broker at least. */
  get count(): number {
    return this.#byBroker.size === 0 ? 0 : Math.min(...this.#byBroker.values())
  }

  reset(): void {
    for (const nodeId of this.#byBroker.keys()) this.#byBroker.set(nodeId, 0)
    this.#answered.clear()
  }
}
