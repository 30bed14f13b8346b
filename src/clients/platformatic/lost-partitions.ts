import type { Message, MessagesStream } from '@platformatic/kafka'

type Positions = Pick<MessagesStream<Buffer, Buffer, Buffer, Buffer>, 'offsetsToFetch' | 'offsetsCommitted'>

/**
 * Records that were read, but not delivered before their partition went to another consumer. If the partition comes back,
 * they must be read again.
 */
export class LostPartitions {
  readonly #positions: Positions
  /** By partition, the first offset that was dropped. */
  readonly #dropped = new Map<string, bigint>()

  /** @param positions those of the inner stream, which it begins with when a partition comes back */
  constructor(positions: Positions) {
    this.#positions = positions
  }

  drop(message: Pick<Message, 'topic' | 'partition' | 'offset'>): void {
    const key = keyOf(message)
    const from = this.#dropped.get(key) ?? message.offset
    const first = from < message.offset ? from : message.offset
    this.#dropped.set(key, first)
    this.#positions.offsetsToFetch.set(key, first)
  }

  /**
   * Whether a record comes from a fetch that began before its partition was lost: then the dropped records before it are
   * missing. It must be dropped, too.
   */
  isStale(message: Message): boolean {
    if (this.#dropped.size === 0) return false
    const key = keyOf(message)
    const from = this.#dropped.get(key)
    if (from === undefined) return false
    const begun = this.#positions.offsetsCommitted.get(key)
    // The stream has not asked yet where the group is.
    if (begun === undefined) return true
    this.#dropped.delete(key)
    if (begun > from || message.offset <= from) return false
    this.#positions.offsetsToFetch.set(key, from)
    return true
  }
}

function keyOf({ topic, partition }: Pick<Message, 'topic' | 'partition'>): string {
  return `${topic}:${String(partition)}`
}
