import { reportFailure } from '../report-failure.js'

/** Standard output for any number of lines. Its reader may close it early, as `head` does, which is not a failure. */
export class LineOutput {
  #isClosed = false
  #goOn: () => void = () => undefined

  constructor() {
    process.stdout.off('error', reportFailure).on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reportFailure(error)
      this.#isClosed = true
      this.#goOn()
    })
    process.stdout.on('drain', () => {
      this.#goOn()
    })
  }

  /** Whether nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves when there is room for more. */
  async write(line: string): Promise<void> {
    if (this.#isClosed || process.stdout.write(line)) return
    await new Promise<void>((resolve) => {
      this.#goOn = resolve
    })
  }
}
