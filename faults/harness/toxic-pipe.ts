import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** What happens to bytes of one direction. */
export interface PipeToxic {
  readonly delayMs?: number
  readonly bytesPerSecond?: number
  readonly vanish: boolean
}

/** Bytes that may be on the way in one direction before the sender has to wait. */
const MAX_ON_THE_WAY = 1 << 20

/** One direction of a connection. */
export class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #toxic: () => PipeToxic
  /** Resolves when everything so far has arrived. */
  #arrived: Promise<void> = Promise.resolve()
  /** When the line is free for the next bytes. */
  #freeAt = 0
  #onTheWay = 0
  #isDead = false

  /** Carries bytes until `from` ends. @param toxic asked for each chunk */
  constructor(from: Socket, to: Socket, toxic: () => PipeToxic) {
    this.#from = from
    this.#to = to
    this.#toxic = toxic
    from.on('data', (chunk) => {
      this.#carry(chunk)
    })
    from.on('end', () => {
      this.#then(() => to.end())
    })
  }

  #carry(chunk: Buffer): void {
    const { delayMs = 0, bytesPerSecond = Infinity, vanish } = this.#toxic()
    this.#isDead ||= vanish
    if (this.#isDead) return
    const now = performance.now()
    this.#freeAt = Math.max(this.#freeAt, now) + (chunk.length / bytesPerSecond) * 1000
    const arrivesAt = this.#freeAt + delayMs
    this.#onTheWay += chunk.length
    if (this.#onTheWay > MAX_ON_THE_WAY) this.#from.pause()
    this.#then(async () => {
      const waitMs = arrivesAt - performance.now()
      if (waitMs > 0) await setTimeout(waitMs, undefined, { ref: false })
      this.#onTheWay -= chunk.length
      if (this.#onTheWay <= MAX_ON_THE_WAY) this.#from.resume()
      if (this.#to.writable) this.#to.write(chunk)
    })
  }

  #then(step: () => unknown): void {
    this.#arrived = this.#arrived.then(async () => {
      await step()
    })
  }
}
