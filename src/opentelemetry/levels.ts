import type { Attributes, UpDownCounter } from '@opentelemetry/api'

/** An amount that some attributes have now. */
export type Level = readonly [attributes: Attributes, value: number]

/**
 * Amounts as they are now, for a counter that goes up and down. Not an observable one: of these SDKs go on exporting
 * the last value where nothing is observed any more, and of several owners the last one's.
 */
export class Levels {
  readonly #counter: UpDownCounter
  readonly #now = new Map<string, Level>()

  constructor(counter: UpDownCounter) {
    this.#counter = counter
  }

  /** What is not in the list is 0. */
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
