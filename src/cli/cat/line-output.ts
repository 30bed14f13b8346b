import type { Writable } from 'node:stream'
import { nextTurn } from '../../clock.js'
import { reportFailure } from '../report-failure.js'

/** A slow terminal shows so much in a moment. */
const TURN_CHARACTERS = 16 * 1024

/** Standard output for any number of lines. Its reader may close it early, as `head` does, which is not a failure. */
export class LineOutput {
  #isClosed = false
  readonly #output: Writable
  #sinceTurn = 0
  #goOn: () => void = () => undefined

  constructor(output: Writable = process.stdout) {
    this.#output = output
    output.off('error', reportFailure).on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reportFailure(error)
      this.#isClosed = true
      this.#goOn()
    })
    output.on('drain', () => {
      this.#goOn()
    })
  }

  /** Whether the reader has closed the output, as `head` does. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves when there is room for more. */
  async write(line: string): Promise<void> {
    if (this.#isClosed) return
    this.#sinceTurn += line.length
    if (this.#output.write(line)) return this.#takeTurn()
    await new Promise<void>((resolve) => {
      this.#goOn = resolve
    })
  }

  /** Writing to a terminal or a pipe blocks, and Ctrl-C is noticed only between two turns of the event loop. */
  async #takeTurn(): Promise<void> {
    if (this.#sinceTurn < TURN_CHARACTERS) return
    this.#sinceTurn = 0
    await nextTurn()
  }
}
