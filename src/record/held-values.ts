import { byteLength, type Bytes } from '../envelope/bytes.js'

/** Memory is asked for in blocks of this size, and in smaller ones as long as that is enough. */
const BLOCK_BYTES = 2 ** 20

/**
 * Copies of values that wait, taken out in the order in which they were put in. They lie side by side in a few blocks of
 * memory: making an object for each would take longer than copying its bytes, and a large send copies all at once.
 */
export class HeldValues {
  /** Text as it is, because it cannot change; the number of bytes of others. */
  readonly #values: (string | number)[]
  #put = 0
  readonly #blocks: Buffer[] = [Buffer.alloc(0)]
  /** Where the next value is put in the last block. */
  #end = 0
  #taken = 0
  /** Where the next value is in the first block. */
  #start = 0

  /** @param count how many will be put in */
  constructor(count: number) {
    this.#values = new Array<string | number>(count)
  }

  put(value: Bytes): void {
    if (typeof value === 'string') {
      this.#values[this.#put++] = value
      return
    }
    const bytes = byteLength(value)
    let block = this.#blocks.at(-1) as Buffer
    if (this.#end + bytes > block.length) {
      block = Buffer.allocUnsafe(Math.max(bytes, Math.min(2 * block.length, BLOCK_BYTES)))
      this.#blocks.push(block)
      this.#end = 0
    }
    block.set(value, this.#end)
    this.#end += bytes
    this.#values[this.#put++] = bytes
  }

  take(): Bytes {
    const value = this.#values[this.#taken++] as string | number
    if (typeof value === 'string') return value
    if (this.#start + value > (this.#blocks[0] as Buffer).length) {
      this.#blocks.shift()
      this.#start = 0
    }
    return (this.#blocks[0] as Buffer).subarray(this.#start, (this.#start += value))
  }
}
