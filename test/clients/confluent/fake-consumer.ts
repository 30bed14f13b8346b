import type {
  ConfluentConsumer,
  KafkaMessage,
  PausedTopic,
  RunConfig,
  Subscription,
} from '../../../src/clients/confluent/client.js'

const MAX_BATCH = 32

interface PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly messages: KafkaMessage[]
  /** Where the next batch begins. */
  position: number
  /** What it commits, or has committed. */
  stored: number
  isPaused: boolean
  isAssigned: boolean
}

/**
 * A consumer that moves and stores positions as Confluent's class does (`#batchProcessor`, `seek` and `pause` of its
 * `_consumer.js`; `test/clients-on-broker/confluent/` compares with the real one): pauses and seeks happen after the
 * handler, in order, and an unresolved batch is sought back, unless the application has sought itself.
 */
export class FakeConsumer implements ConfluentConsumer {
  readonly #logs = new Map<string, PartitionLog>()
  readonly #pending: (() => void)[] = []
  #config: RunConfig = {}
  #connected = false
  /** The batch of a handler that runs. */
  #current: { readonly log: PartitionLog; isStale: boolean; isSought: boolean } | undefined
  /** What a log of the client would show. */
  readonly logged: unknown[] = []

  get assigned(): PartitionLog[] {
    return [...this.#logs.values()].filter(({ isAssigned }) => isAssigned)
  }

  /** Adds messages, with offsets from 0. */
  fill(values: readonly (Buffer | null)[], partition = 0, topic = 't'): PartitionLog {
    const log = this.#log(topic, partition)
    for (const value of values) log.messages.push(messageOf(value, log.messages.length))
    return log
  }

  /** One batch of a partition, and what was asked for meanwhile. */
  async poll(partition = 0, topic = 't'): Promise<void> {
    this.#runPending()
    const log = this.#log(topic, partition)
    const messages = log.messages.slice(log.position, log.position + MAX_BATCH)
    if (!log.isAssigned || log.isPaused || messages.length === 0) return
    const first = log.position
    log.position += messages.length
    const current = { log, isStale: false, isSought: false }
    this.#current = current
    let resolved = -1
    const resolveOffset = (offset: string): void => {
      if (Number(offset) <= resolved) return
      resolved = Number(offset)
      log.stored = resolved + 1
    }
    const last = log.position - 1
    try {
      await this.#config.eachBatch?.({
        batch: {
          ...{ topic, partition, messages, highWatermark: String(log.messages.length) },
          isEmpty: () => false,
          firstOffset: () => String(first),
          lastOffset: () => String(last),
          offsetLag: () => String(log.messages.length - 1 - last),
        },
        resolveOffset,
        heartbeat: () => Promise.resolve(),
        pause: () => this.pause([{ topic, partitions: [partition] }]),
        commitOffsetsIfNecessary: () => Promise.resolve(),
        isRunning: () => true,
        isStale: () => current.isStale,
      })
      if (this.#config.eachBatchAutoResolve !== false && !current.isStale) resolveOffset(String(last))
    } catch (error) {
      this.logged.push(error)
    }
    this.#current = undefined
    if (!current.isSought && resolved !== last) this.#seek(log, resolved === -1 ? first : resolved + 1)
    this.#runPending()
  }

  connect(): Promise<void> {
    this.#connected = true
    return Promise.resolve()
  }

  disconnect(): Promise<void> {
    this.#connected = false
    return Promise.resolve()
  }

  subscribe(_: Subscription): Promise<void> {
    return Promise.resolve()
  }

  run(config: RunConfig = {}): Promise<void> {
    this.#config = config
    return Promise.resolve()
  }

  seek({ topic, partition, offset }: { topic: string; partition: number; offset: string }): void {
    this.#refuse()
    const log = this.#log(topic, partition)
    if (this.#current?.log === log) Object.assign(this.#current, { isStale: true, isSought: true })
    this.#seek(log, Number(offset))
  }

  pause(topics: PausedTopic[]): () => void {
    this.#refuse()
    for (const log of this.#of(topics)) {
      if (this.#current?.log === log) this.#current.isStale = true
      this.#pending.push(() => (log.isPaused = true))
    }
    return () => {
      this.resume(topics)
    }
  }

  resume(topics: PausedTopic[]): void {
    this.#refuse()
    for (const log of this.#of(topics)) this.#pending.push(() => (log.isPaused = false))
  }

  paused(): { topic: string; partitions: number[] }[] {
    this.#runPending()
    return [...this.#logs.values()]
      .filter(({ isPaused }) => isPaused)
      .map(({ topic, partition }) => ({ topic, partitions: [partition] }))
  }

  assignment(): { topic: string; partition: number }[] {
    this.#refuse()
    return this.assigned.map(({ topic, partition }) => ({ topic, partition }))
  }

  get events(): never {
    throw new Error('Not implemented')
  }

  #of(topics: readonly PausedTopic[]): PartitionLog[] {
    return topics.flatMap(({ topic, partitions }) =>
      this.assigned
        .concat([...this.#logs.values()].filter(({ isAssigned }) => !isAssigned))
        .filter((log) => log.topic === topic && (partitions?.includes(log.partition) ?? log.isAssigned)),
    )
  }

  #seek(log: PartitionLog, to: number): void {
    this.#pending.push(() => {
      log.position = to
      log.stored = to
    })
  }

  #runPending(): void {
    for (const step of this.#pending.splice(0)) step()
  }

  #refuse(): void {
    if (!this.#connected) throw new Error('Not connected')
  }

  #log(topic: string, partition: number): PartitionLog {
    const name = `${topic}/${String(partition)}`
    const known = this.#logs.get(name)
    if (known !== undefined) return known
    const log = { topic, partition, messages: [], position: 0, stored: -1, isPaused: false, isAssigned: true }
    this.#logs.set(name, log)
    return log
  }
}

function messageOf(value: Buffer | null, offset: number): KafkaMessage {
  return { key: Buffer.from('k'), value, offset: String(offset), timestamp: '0', headers: {}, leaderEpoch: 0 }
}
