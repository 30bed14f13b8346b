import type { Kafka, Message, Offsets, Producer, Transaction } from 'kafkajs'
import { systemClock } from '../../clock.js'
import { committed, type Checkpoint, type CopyRoute } from './checkpoint.js'
import { typeOf } from './failures.js'

/** A transaction that was not ended by then, such as one of a killed process, is aborted by the broker. */
const TRANSACTION_TIMEOUT_MS = 60_000
/** A broker answers CONCURRENT_TRANSACTIONS for some milliseconds after a commit. */
const RETRY = { initialRetryTime: 20, maxRetryTime: 2000, retries: 12 }
const OFFSETS_RETRY_MS = 50
const OFFSETS_RETRIES = 100

/**
 * Writes one partition of the target topic, in transactions that commit the checkpoint with the records. There is one
 * transactional id for each partition of the target, whatever the group. Whoever takes it over ends the transaction of
 * the process that had it before, which can commit nothing from then on.
 *
 * A writer that failed must not be used again: KafkaJS would reuse sequence numbers that a broker may have seen.
 */
export class PartitionWriter {
  readonly #producer: Producer
  readonly #route: CopyRoute
  readonly #partition: number
  #transaction: Transaction | undefined

  private constructor(producer: Producer, route: CopyRoute, partition: number) {
    this.#producer = producer
    this.#route = route
    this.#partition = partition
  }

  /** Takes the partition over from whoever had it: no transaction of an earlier writer is open afterwards. */
  static async takeOver(kafka: Kafka, route: CopyRoute, partition: number): Promise<PartitionWriter> {
    const producer = kafka.producer({
      transactionalId: `kafka-envelope-copy:${route.to}:${String(partition)}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: RETRY,
    })
    const writer = new PartitionWriter(producer, route, partition)
    try {
      await producer.connect()
      // KafkaJS takes the transactional id over when the first transaction begins.
      writer.#transaction = await producer.transaction()
      return writer
    } catch (error) {
      await writer.end()
      throw error
    }
  }

  /**
   * Writes records in one transaction, run by run, each of which fits a record batch, and commits the checkpoint with
   * them. Returns that checkpoint.
   */
  async write(
    runs: readonly (readonly Message[])[],
    next: bigint,
    before: Checkpoint,
    reached?: bigint,
  ): Promise<Checkpoint> {
    const transaction = this.#transaction ?? (await this.#producer.transaction())
    this.#transaction = transaction
    let { target } = before
    for (const messages of runs) {
      const [metadata] = await transaction.send({ topic: this.#route.to, messages: [...messages] })
      const first = BigInt(metadata?.baseOffset ?? -1)
      if (first < target)
        throw new Error(`the broker did not say where it wrote records of ${this.#route.to}`)
      target = first + BigInt(messages.length)
    }
    if (runs.length > 0) target += 1n
    const checkpoint: Checkpoint = { next, target, ...(reached !== undefined && { reached }) }
    await this.#sendOffsets(transaction, { topics: committed(this.#route, this.#partition, checkpoint) })
    await transaction.commit()
    this.#transaction = undefined
    return checkpoint
  }

  /** Unlike other requests, KafkaJS does not repeat this one if the transaction before it is still being written. */
  async #sendOffsets(transaction: Transaction, offsets: Offsets): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      try {
        await transaction.sendOffsets({ consumerGroupId: this.#route.group, ...offsets })
        return
      } catch (error) {
        if (typeOf(error) !== 'CONCURRENT_TRANSACTIONS' || attempts > OFFSETS_RETRIES) throw error
        await new Promise<void>((resolve) => systemClock.timeout(resolve, OFFSETS_RETRY_MS))
      }
    }
  }

  /** Aborts what is not committed, and disconnects. Never rejects. */
  async end(): Promise<void> {
    // A transaction whose commit failed cannot be aborted. The next writer finds out how it ended.
    if (this.#transaction?.isActive() === true) await this.#transaction.abort().catch(() => undefined)
    this.#transaction = undefined
    await this.#producer.disconnect().catch(() => undefined)
  }
}
