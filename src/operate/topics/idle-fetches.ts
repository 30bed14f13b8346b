import type { Consumer } from 'kafkajs'

/** Counts fetches that bring nothing. Each broker is fetched from on its own, and one may be slower than others. */
export class IdleFetches {
  readonly #byBroker = new Map<number, number>()

  constructor(consumer: Consumer) {
    consumer.on(consumer.events.FETCH_START, ({ payload: { nodeId } }) => {
      if (!this.#byBroker.has(nodeId)) this.#byBroker.set(nodeId, 0)
    })
    consumer.on(consumer.events.FETCH, ({ payload: { nodeId } }) => {
      this.#byBroker.set(nodeId, (this.#byBroker.get(nodeId) ?? 0) + 1)
    })
    // KafkaJS emits this even for a batch without records to deliver, such as one of an aborted transaction.
    consumer.on(consumer.events.END_BATCH_PROCESS, () => {
      this.reset()
    })
  }

  /** So many in a row, from each broker at least. */
  get count(): number {
    return this.#byBroker.size === 0 ? 0 : Math.min(...this.#byBroker.values())
  }

  reset(): void {
    for (const nodeId of this.#byBroker.keys()) this.#byBroker.set(nodeId, 0)
  }
}
