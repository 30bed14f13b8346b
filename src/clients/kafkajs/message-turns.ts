import { nextTurn } from '../../clock.js'
import type { DeliveredValue } from '../shared/part.js'

/** The work of one turn of the event loop: some 10 ms on `node:crypto`. */
const TURN = { messages: 1000, bytes: 2 ** 20 } as const
/** A message that is decompressed, or does not open, takes as long as so many others. */
const SLOW = 5

/**
 * Lets the event loop turn between messages. KafkaJS handles those of a batch one after another, which takes only
 * microtasks if no handler waits: a batch of many messages would hold up timers and sockets until its end.
 */
export class MessageTurns {
  #messages = 0
  #bytes = 0

  /** Whether this turn has done its work. Then call `next`. */
  get isOver(): boolean {
    return this.#messages >= TURN.messages || this.#bytes >= TURN.bytes
  }

  handled({ value, envelope }: DeliveredValue): void {
    const isCompressed = envelope?.compression !== undefined && envelope.compression !== 'none'
    this.#messages += isCompressed ? SLOW : 1
    this.#bytes += value?.length ?? 0
  }

  /** A message that did not open, and that no handler gets. */
  withheld({ value }: { readonly value: Buffer | null }): void {
    this.#messages += SLOW
    this.#bytes += value?.length ?? 0
  }

  async next(): Promise<void> {
    await nextTurn()
    this.#messages = 0
    this.#bytes = 0
  }
}
