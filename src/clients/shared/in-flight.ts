/** Sends that were accepted and have not ended. */
export class InFlight {
  readonly #sends = new Set<Promise<unknown>>()

  add(send: Promise<unknown>): void {
    this.#sends.add(send)
    const ended = (): void => {
      this.#sends.delete(send)
    }
    send.then(ended, ended)
  }

  /** Resolves once the sends accepted so far have ended, whether they succeeded or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#sends)
  }

  /** The same, or once the time is over. */
  async endedWithin(maxMs: number): Promise<void> {
    if (this.#sends.size === 0) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, maxMs)
    })
    await Promise.race([this.ended(), late])
    clearTimeout(timer)
  }
}
