import type { Bytes } from '../../src/record/record.js'

/** A record of a client with shapes of its own. Its place in a topic is its sequence number. */
export interface Entry {
  id: string | null
  body: Bytes | null
  meta: ReadonlyMap<string, Bytes>
}

/** Topics of one partition in memory. */
export class Topics {
  readonly #topics = new Map<string, Entry[]>()

  of(topic: string): Entry[] {
    const entries = this.#topics.get(topic) ?? []
    this.#topics.set(topic, entries)
    return entries
  }
}
