import { stopwatch, type Clock } from '../clock.js'
import { harmless } from '../events.js'
import type { AuditHead } from './chain.js'

/** Tells the application the head of a log, at most once in a while. */
export class HeadReports {
  readonly #onHead: (head: AuditHead) => unknown
  readonly #everyMs: number
  readonly #clock: Clock
  /** How long ago the last report was. */
  #sinceMs: (() => number) | undefined
  #latest: AuditHead | undefined
  #cancel: (() => void) | undefined

  constructor(onHead: (head: AuditHead) => unknown, everyMs: number, clock: Clock) {
    this.#onHead = onHead
    this.#everyMs = everyMs
    this.#clock = clock
  }

  moved(head: AuditHead): void {
    this.#latest = head
    if (this.#cancel !== undefined) return
    const restMs = this.#everyMs - (this.#sinceMs?.() ?? this.#everyMs)
    if (restMs <= 0) this.report()
    else
      this.#cancel = this.#clock.schedule(() => {
        this.report()
      }, restMs)
  }

  /** Reports now, unless the last report said the same. */
  report(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const head = this.#latest
    if (head === undefined) return
    this.#latest = undefined
    this.#sinceMs = stopwatch(this.#clock)
    harmless('`onHead`', () => this.#onHead(head))
  }
}
