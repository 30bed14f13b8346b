import type { Attributes, UpDownCounter } from '@opentelemetry/api'

/** The present value for some attributes. */
export type Level = readonly [attributes: Attributes, value: number]

/**
 * Present values, for a counter that goes up and down. Not an observable counter: SDKs keep exporting its last value
 * after observation has ended, and with several owners they export only the last one's.
 */
export class Levels {
  readonly #counter: UpDownCounter
  readonly #now = new Map<string, Level>()

  constructor(counter: UpDownCounter) {
    this.#counter = counter
  }

  /** Levels that are not in the list become 0. */
  set(levels: readonly Level[]): void {
    const next = new Map<string, Level>()
    for (const [attributes, value] of levels) {
      const name = JSON.stringify(attributes)
      next.set(name, [attributes, (next.get(name)?.[1] ?? 0) + value])
    }
    for (const [name, [attributes]] of this.#now) if (!next.has(name)) next.set(name, [attributes, 0])
    for (const [name, [attributes, value]] of next) {
      this.#counter.add(value - (this.#now.get(name)?.[1] ?? 0), attributes)
      this.#now.set(name, [attributes, value])
    }
  }
}
