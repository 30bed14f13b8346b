import type { Consumer, ConsumerRunConfig, EachBatchPayload, KafkaMessage } from 'kafkajs'

export function message(value: Buffer | null, offset: number): KafkaMessage {
  return { key: null, value, offset: String(offset), timestamp: '0', headers: {}, attributes: 0 }
}

/**
 * A stand-in for a KafkaJS consumer of partition 0 of topic `t`. `fetch` delivers the messages from the position on,
 * and moves the position as KafkaJS does (`processEachMessage` and `processEachBatch` of its runner).
 */
export class StandIn {
  /** Where the next fetch begins. */
  position = 0
  heartbeats = 0
  /** The offsets that were committed explicitly, as partition/offset. */
  readonly committed: string[] = []
  /** Called for each explicit commit. */
  onCommit: () => Promise<void> = () => Promise.resolve()
  /** Called before it looks whether it goes on with a batch of messages. */
  beforeNext: () => unknown = () => undefined
  /** Called during each heartbeat. */
  onHeartbeat: () => unknown = () => undefined
  /** To be passed to `decryptConsumer`. */
  readonly consumer: Consumer
  #config: ConsumerRunConfig = {}
  #running = true
  readonly #paused = new Set<number>()
  #seek: string | undefined
  readonly #listeners = new Map<string, ((event: unknown) => void)[]>()

  constructor() {
    this.consumer = {
      events: {
        CRASH: 'consumer.crash',
        DISCONNECT: 'consumer.disconnect',
        STOP: 'consumer.stop',
        GROUP_JOIN: 'consumer.group_join',
        START_BATCH_PROCESS: 'consumer.start_batch_process',
      },
      on: (name: string, listener: (event: unknown) => void) => {
        this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
        return () => undefined
      },
      run: (config: ConsumerRunConfig) => {
        this.#config = config
        this.#running = true
        return Promise.resolve()
      },
      stop: () => this.#stop(),
      disconnect: () => this.#stop(),
      commitOffsets: (offsets: { partition: number; offset: string }[]) => {
        this.committed.push(...offsets.map(({ partition, offset }) => `${String(partition)}/${offset}`))
        return this.onCommit()
      },
      seek: ({ offset }: { offset: string }) => {
        this.#seek = offset
      },
      pause: ([{ partitions = [0] }]: [{ partitions?: number[] }]) => {
        for (const partition of partitions) this.#paused.add(partition)
      },
      resume: ([{ partitions = [0] }]: [{ partitions?: number[] }]) => {
        for (const partition of partitions) this.#paused.delete(partition)
      },
      paused: () => [{ topic: 't', partitions: [...this.#paused] }],
    } as unknown as Consumer
  }

  emit(name: string, payload: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener({ payload })
  }

  /** Restarts the consumer after a retriable error of its own, as KafkaJS does. */
  restart(): void {
    this.#paused.clear()
    this.emit('consumer.disconnect', {})
    this.emit('consumer.crash', { restart: true, error: new Error('x'), groupId: 'g' })
  }

  isPaused(partition = 0): boolean {
    return this.#paused.has(partition)
  }

  /** Resolves when the partition is not paused. */
  async resumed(partition = 0): Promise<void> {
    while (this.isPaused(partition)) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  /** One fetch of a topic that has these messages. Rejects with the error of the handler. */
  async fetch(topic: readonly KafkaMessage[], partition = 0): Promise<void> {
    if (this.#seek !== undefined) this.position = Number(this.#seek)
    this.#seek = undefined
    // KafkaJS decodes the messages again at each fetch.
    const messages = topic.filter(({ offset }) => Number(offset) >= this.position).map((one) => ({ ...one }))
    if (this.#paused.has(partition) || messages.length === 0) return
    this.emit('consumer.start_batch_process', { topic: 't', partition })
    if (this.#config.eachBatch) await this.#batch(messages, partition)
    else await this.#each(messages, partition)
  }

  async #each(messages: readonly KafkaMessage[], partition: number): Promise<void> {
    for (const one of messages) {
      if (!this.#running || this.#seek !== undefined) break
      await this.#config.eachMessage?.({
        topic: 't',
        partition,
        message: one,
        heartbeat: () => this.#heartbeat(),
        pause: () => this.#pause(partition),
      })
      this.position = Number(one.offset) + 1
      await this.beforeNext()
      if (this.#paused.has(partition)) break
    }
  }

  async #batch(messages: KafkaMessage[], partition: number): Promise<void> {
    const last = messages.at(-1)?.offset ?? ''
    const payload = {
      batch: { topic: 't', partition, messages, highWatermark: '9999', lastOffset: () => last },
      heartbeat: () => this.#heartbeat(),
      pause: () => this.#pause(partition),
      resolveOffset: (offset: string) => {
        this.position = Number(offset) + 1
      },
      isRunning: () => this.#running,
      isStale: () => this.#seek !== undefined,
    }
    await this.#config.eachBatch?.(payload as unknown as EachBatchPayload)
    if (this.#config.eachBatchAutoResolve !== false) this.position = Number(last) + 1
  }

  async #heartbeat(): Promise<void> {
    this.heartbeats++
    await this.onHeartbeat()
  }

  #pause(partition: number): () => void {
    this.#paused.add(partition)
    return () => {
      this.#paused.delete(partition)
    }
  }

  #stop(): Promise<void> {
    this.#running = false
    return Promise.resolve()
  }
}
