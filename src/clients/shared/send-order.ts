/**
 * Keeps un-awaited sends in order: first in, first out for each topic, even if one send waits for a key while the key
 * of the next is ready.
 */
export class SendOrder {
  readonly #tails = new Map<string, Promise<void>>()

  /** Resolves once the earlier sends to these topics have been passed to the client; undefined if there are none. */
  waitFor(topics: readonly string[]): Promise<unknown> | undefined {
    const tails = topics.flatMap((topic) => this.#tails.get(topic) ?? [])
    return tails.length === 0 ? undefined : Promise.all(tails)
  }

  /** Makes later sends to these topics wait until the function returned is called. */
  join(topics: readonly string[]): () => void {
    let leave = (): void => undefined
    const tail = new Promise<void>((resolve) => {
      leave = resolve
    })
    for (const topic of topics) this.#tails.set(topic, tail)
    return () => {
      for (const topic of topics) if (this.#tails.get(topic) === tail) this.#tails.delete(topic)
      leave()
    }
  }
}
