import type { Admin, Consumer } from 'kafkajs'

/** After so many fetches of each broker without a record, it is looked whether all of them are still there. */
const LOOK_AFTER = 10

/**
 * Counts fetches that bring nothing. Each broker is fetched from on its own, and one may be slower than others. A fetch
 * counts as a whole if the broker waited for records as long as it was asked to. One that comes back sooner, because it
 * failed or was throttled, says less. A broker that has left the cluster is not waited for.
 */
export class IdleFetches {
  readonly #byBroker = new Map<number, number>()
  /** What each last fetch counts, until it is known that it brought nothing. */
  readonly #answered = new Map<number, number>()
  readonly #admin: Pick<Admin, 'describeCluster'>
  #sinceLook = 0

  /** @param fetchMs how long the consumer lets a fetch wait for records */
  constructor(consumer: Consumer, admin: Pick<Admin, 'describeCluster'>, fetchMs: number) {
    const { events } = consumer
    this.#admin = admin
    // Only then are the records of the last fetch delivered.
    consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => {
      this.#byBroker.set(nodeId, (this.#byBroker.get(nodeId) ?? 0) + (this.#answered.get(nodeId) ?? 0))
      this.#answered.delete(nodeId)
      if (++this.#sinceLook >= LOOK_AFTER * this.#byBroker.size) void this.#forgetGone()
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
    this.#sinceLook = 0
  }

  /** KafkaJS does not fetch any more from a broker that is gone, so its count would stay as it is. */
  async #forgetGone(): Promise<void> {
    this.#sinceLook = 0
    if (this.#byBroker.size === 1) return
    // If this fails, it is tried again.
    const found = await this.#admin.describeCluster().catch(() => undefined)
    const present = found?.brokers.map(({ nodeId }) => nodeId)
    for (const nodeId of this.#byBroker.keys()) {
      if (present?.includes(nodeId) === false) this.#byBroker.delete(nodeId)
    }
  }
}
