import { nextTurn } from '../clock.js'

/** The work of the first turn of the event loop, in which the call was made, in bytes to seal: some 10 ms. */
const TURN = 2 ** 24
/** The same of each turn after it. Short, because a garbage collection in the turn may take longer than its work. */
const LATER_TURN = TURN / 4
/** The work for a record, beside its bytes: 20,000 records are checked in a first turn, or 2,000 sealed, or 100 compressed. */
const CHECK = Math.ceil(TURN / 20_000)
const SEAL = Math.ceil(TURN / 2000)
const COMPRESS = Math.ceil(TURN / 100)
const COMPRESS_BYTE = 16

/** Shares turns of the event loop among the batches of one send, so that a large send does not hold up everything else. */
export class Turns {
  #left = TURN
  #last = Promise.resolve()
  #stopped = false

  /** Whether this turn has done its work. */
  get isOver(): boolean {
    return this.#left <= 0
  }

  /** Whether the send has failed, so that nothing else should be sealed for it. */
  get stopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
  }

  /** Counts records that were checked. */
  checked(records: number): void {
    this.#left -= CHECK * records
  }

  /** Counts a record that was compressed, by its bytes before. */
  compressed(bytes: number): void {
    this.#left -= Math.max(COMPRESS, COMPRESS_BYTE * bytes)
  }

  /** Counts the records from `from` to `end` as sealed. */
  sealed(sizes: readonly number[], from: number, end: number): void {
    for (let i = from; i < end; i++) this.#left -= workToSeal(sizes[i] as number)
  }

  /** The end of the records from `from` on that this turn may still seal. */
  endOf(sizes: readonly number[], from: number): number {
    let end = from
    for (let left = this.#left; end < sizes.length && left > 0; end++)
      left -= workToSeal(sizes[end] as number)
    return end
  }

  /** Resolves in a later turn, which no other batch of the send has got. */
  async next(): Promise<void> {
    await (this.#last = this.#last.then(nextTurn))
    this.#left = LATER_TURN
  }
}

function workToSeal(bytes: number): number {
  return Math.max(SEAL, bytes)
}
