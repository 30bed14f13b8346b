import type { Entry } from './chain.js'

/** A few megabytes. */
const MAX_WAITING = 10_000

/** Lines that did not get into the queue. */
interface Loss extends Entry {
  readonly fields: { count: number; until: string; readonly events: Record<string, number> }
}

/** Lines that wait to be written. Bounded: where lines are lost, a line says how many. */
export class LineQueue {
  #entries: Entry[] = []
  /** How many of them are being written. */
  #taken = 0
  /** The last entry, if lines are being lost. */
  #loss: Loss | undefined

  get length(): number {
    return this.#entries.length
  }

  /** How many lines were lost that no written line tells of. */
  get lost(): number {
    return this.#entries.reduce((total, entry) => total + (isLoss(entry) ? entry.fields.count : 0), 0)
  }

  add(entry: Entry): void {
    if (this.#entries.length < MAX_WAITING) {
      this.#loss = undefined
      this.#entries.push(entry)
    } else this.#lose(entry)
  }

  /** Puts lines before all others. */
  addFirst(entries: readonly Entry[]): void {
    this.#entries.unshift(...entries)
  }

  /** The lines to write now. Call `written` or `keep` before it is called again. */
  take(): readonly Entry[] {
    this.#taken = this.#entries.length
    // It is being written, so it counts no more.
    this.#loss = undefined
    return [...this.#entries]
  }

  written(): void {
    this.#entries = this.#entries.slice(this.#taken)
    this.#taken = 0
  }

  keep(): void {
    this.#taken = 0
    const last = this.#entries.at(-1)
    this.#loss = last !== undefined && isLoss(last) ? last : undefined
  }

  #lose({ event, wallMs }: Entry): void {
    if (this.#loss === undefined) {
      this.#loss = { event: 'audit.lost', wallMs, fields: { count: 0, until: '', events: {} } }
      this.#entries.push(this.#loss)
    }
    const { fields } = this.#loss
    fields.count++
    fields.until = new Date(wallMs).toISOString()
    fields.events[event] = (fields.events[event] ?? 0) + 1
  }
}

function isLoss(entry: Entry): entry is Loss {
  return entry.event === 'audit.lost'
}
