import type { Message, MessagesStream } from '@platformatic/kafka'
import { nameOf, type Place } from '../shared/place.js'

type Positions = Pick<MessagesStream<Buffer, Buffer, Buffer, Buffer>, 'offsetsToFetch' | 'offsetsCommitted'>

interface Lost {
  /** The last fetch that began before the partition came back, known by what its messages share. */
  fetch: unknown
  fetches: number
}

/**
 * Where a stream is in each partition. After a rebalance, the inner stream goes back to what is committed, in all
 * partitions; and fetches that began before it may still end. Neither must double records, or leave some out.
 */
export class ReadPositions {
  readonly #inner: Positions
  readonly #maxFetches: number
  /** By partition, the last offset that was read. */
  readonly #last = new Map<string, bigint>()
  /** By partition, the first offset that was read and not delivered, since the partition was lost. */
  readonly #dropped = new Map<string, bigint>()
  /** Partitions that were lost, and of which nothing was accepted since. */
  readonly #lost = new Map<string, Lost>()

  /**
   * @param inner the inner stream, which reads these positions
   * @param maxRecords how many records the inner stream keeps at most, apart from those of one fetch
   */
  constructor(inner: Positions, maxRecords: number) {
    this.#inner = inner
    this.#maxFetches = maxRecords + 2
  }

  /** A partition went to another consumer. */
  lose(place: Place): void {
    this.#lost.set(nameOf(place), { fetch: undefined, fetches: 0 })
    // Until the inner stream asks again where the group is.
    this.#inner.offsetsCommitted.delete(keyOf(place))
  }

  /** A record of a lost partition is not delivered. If nothing is committed, it is read again when that comes back. */
  drop(message: Message): void {
    const name = nameOf(message)
    const { offset } = message
    const last = this.#last.get(name)
    if (last === undefined || last < offset) this.#last.set(name, offset)
    const known = this.#dropped.get(name)
    const first = known === undefined || offset < known ? offset : known
    this.#dropped.set(name, first)
    this.#inner.offsetsToFetch.set(keyOf(message), first)
  }

  /** Whether a record of an assigned partition comes next there. If not, it is not to be delivered. */
  accepts(message: Message): boolean {
    const name = nameOf(message)
    const lost = this.#lost.get(name)
    const last = this.#last.get(name)
    if (
      lost === undefined
        ? last !== undefined && message.offset <= last
        : !this.#continues(lost, last, message)
    )
      return false
    this.#lost.delete(name)
    this.#dropped.delete(name)
    this.#last.set(name, message.offset)
    return true
  }

  /** The same for a partition that has come back. */
  #continues(lost: Lost, last: bigint | undefined, message: Message): boolean {
    const key = keyOf(message)
    const begin = this.#inner.offsetsCommitted.get(key)
    if (begin === undefined) {
      this.drop(message)
      return false
    }
    // What others have handled.
    if (message.offset < begin) return false
    if (last === undefined || begin > last || message.offset <= last) return true
    // The record at `last` is missing, so this is an earlier fetch; unless the topic has lost that record meanwhile.
    if (lost.fetch !== message.metadata) {
      lost.fetch = message.metadata
      lost.fetches++
    }
    if (lost.fetches > this.#maxFetches) return true
    this.#inner.offsetsToFetch.set(key, begin)
    return false
  }
}

/** The name of a partition in the maps of the client. */
function keyOf({ topic, partition }: Place): string {
  return `${topic}:${String(partition)}`
}
