import type { Admin, Consumer } from 'kafkajs'
import type { FetchedOffsets, PartitionReading, Taken } from './partition-reading.js'
import { partitionName, rangesOf } from './ranges.js'
import type { RawBatch } from './raw-message.js'

interface Place {
  readonly topic: string
  readonly partition: number
}

/** The readings of partitions, and the consumer that fetches for them. */
export class Readings {
  readonly #consumer: Consumer
  readonly #admin: Admin
  readonly #readings = new Map<string, PartitionReading>()

  constructor(consumer: Consumer, admin: Admin) {
    this.#consumer = consumer
    this.#admin = admin
  }

  /** Fetches what this reading needs of a partition, instead of what an earlier one needs; nothing without one. */
  set({ topic, partition }: Place, reading?: PartitionReading): void {
    if (reading === undefined) this.#readings.delete(partitionName(topic, partition))
    else this.#readings.set(partitionName(topic, partition), reading)
    this.#pauseOrSeek({ topic, partition }, reading)
  }

  /**
   * Takes a batch that KafkaJS delivers.
   * @param use gets the records that are next, if there are some. With `'stop'`, or if it rejects, they are not done
   */
  async onBatch(
    batch: RawBatch,
    use: (taken: Taken) => Promise<'stop' | undefined> | 'stop' | undefined,
  ): Promise<'stop' | undefined> {
    const reading = this.#readings.get(partitionName(batch.topic, batch.partition))
    if (reading === undefined || reading.isDone) return undefined
    const taken = reading.take(batch)
    if (taken === undefined) {
      await this.#skipRemoved(batch, reading)
      return undefined
    }
    try {
      if ((await use(taken)) === 'stop') return 'stop'
    } catch (error) {
      reading.rewind()
      throw error
    }
    this.#done(batch, reading, taken, batch.lastOffset())
    return undefined
  }

  /**
   * The same for a fetch of which KafkaJS delivers no record: it tells of it by `END_BATCH_PROCESS`.
   * @returns the offset before which everything is done; undefined if nothing of the partition is read
   * @throws Error if it cannot be known how a transaction ended
   */
  onMarkers(fetched: Place & FetchedOffsets): bigint | undefined {
    const reading = this.#readings.get(partitionName(fetched.topic, fetched.partition))
    if (reading === undefined || reading.isDone) return undefined
    const taken = reading.takeMarkers(fetched)
    this.#done(fetched, reading, taken, fetched.lastOffset)
    return taken.upTo
  }

  #done(place: Place, reading: PartitionReading, { upTo }: Taken, lastOffset: string): void {
    reading.passed(upTo)
    // Otherwise KafkaJS goes on where it is.
    if (reading.isDone || reading.fetchAt !== BigInt(lastOffset) + 1n) this.#pauseOrSeek(place, reading)
  }

  /** Retention may have removed records meanwhile; they are not part of the topic any more. */
  async #skipRemoved({ topic, partition }: Place, reading: PartitionReading): Promise<void> {
    const range = (await rangesOf(this.#admin, [topic])).find((each) => each.partition === partition)
    const low = range?.from ?? 0n
    reading.rewind()
    reading.passed(low < reading.end ? low : reading.end)
    this.#pauseOrSeek({ topic, partition }, reading)
  }

  #pauseOrSeek({ topic, partition }: Place, reading: PartitionReading | undefined): void {
    if (reading === undefined || reading.isDone) this.#consumer.pause([{ topic, partitions: [partition] }])
    else this.#consumer.seek({ topic, partition, offset: String(reading.fetchAt) })
  }
}
