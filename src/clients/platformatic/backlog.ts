import type { Message } from '@platformatic/kafka'
import { nameOf, type Place } from '../shared/place.js'
import { recordOf, type ReadRecord } from './read-record.js'

/** Records of one partition that are read and not decided yet, in order. */
export interface Queue extends Place {
  records: readonly ReadRecord[]
}

/** A partition that waits keeps its records here. This much, others can still be read. */
const MAX_BYTES = 2 ** 25

/** Records that are read and not decided yet, by partition. */
export class Backlog {
  readonly #maxRecords: number
  readonly #queues = new Map<string, Queue & { records: ReadRecord[] }>()
  #records = 0
  #bytes = 0

  constructor(maxRecords: number) {
    this.#maxRecords = maxRecords
  }

  /** Whether it should get no more records now. */
  get isFull(): boolean {
    return this.#records >= this.#maxRecords || this.#bytes >= MAX_BYTES
  }

  get isEmpty(): boolean {
    return this.#records === 0
  }

  add(message: Message): void {
    const { topic, partition } = message
    const name = nameOf(message)
    const queue = this.#queues.get(name) ?? { topic, partition, records: [] }
    this.#queues.set(name, queue)
    const record = recordOf(message)
    queue.records.push(record)
    this.#records++
    this.#bytes += record.value?.length ?? 0
  }

  /** The partition to go on with; undefined if all wait. */
  next(waits: (place: Place) => boolean): Queue | undefined {
    for (const queue of this.#queues.values()) if (!waits(queue)) return queue
    return undefined
  }

  /** Removes the first records of a partition: by default, all of them. Returns them. */
  take(place: Place, count = Infinity): readonly ReadRecord[] {
    const name = nameOf(place)
    const queue = this.#queues.get(name)
    if (queue === undefined) return []
    const taken = queue.records.slice(0, count)
    queue.records = queue.records.slice(taken.length)
    if (queue.records.length === 0) this.#queues.delete(name)
    this.#records -= taken.length
    for (const { value } of taken) this.#bytes -= value?.length ?? 0
    return taken
  }

  places(): readonly Place[] {
    return [...this.#queues.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  clear(): void {
    this.#queues.clear()
    this.#records = 0
    this.#bytes = 0
  }
}
