import type { Clock } from '../clock.js'
import type { PlaintextEvent } from '../events.js'

/** With `eachMessage` there is an event for each record. A line for each would be too many. */
const SUM_MS = 10_000

type Sum = { -readonly [M in keyof PlaintextEvent]: PlaintextEvent[M] }

/** Adds up the plaintext that was delivered, by rule and partition, into one line for each in ten seconds. */
export class PlaintextSums {
  readonly #clock: Clock
  readonly #add: (sum: PlaintextEvent) => void
  readonly #sums = new Map<string, Sum>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock, add: (sum: PlaintextEvent) => void) {
    this.#clock = clock
    this.#add = add
  }

  add(event: PlaintextEvent): void {
    const place = JSON.stringify([event.rule, event.topic, event.partition])
    const sum = this.#sums.get(place)
    if (sum === undefined) this.#sums.set(place, { ...event })
    else {
      sum.messages += event.messages
      sum.bytes += event.bytes
      // A consumer may go back.
      if (BigInt(event.firstOffset) < BigInt(sum.firstOffset)) sum.firstOffset = event.firstOffset
      if (BigInt(event.lastOffset) > BigInt(sum.lastOffset)) sum.lastOffset = event.lastOffset
    }
    this.#cancel ??= this.#clock.schedule(() => {
      this.flush()
    }, SUM_MS)
  }

  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const sum of this.#sums.values()) this.#add(sum)
    this.#sums.clear()
  }
}
