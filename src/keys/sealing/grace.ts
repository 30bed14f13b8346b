import type { ErrorCode } from '../../errors.js'
import type { GraceUsage, Limit } from '../../events.js'
import type { Usage } from '../../policy/rotation.js'
import { ageMeter, type Clock } from '../../clock.js'

/** The time of a DEK past a limit, metered from the limit on. It seals nothing there until an outage grants it. */
export class Grace {
  readonly limit: Limit
  readonly #graceMs: number
  readonly #ms: () => number
  #outage: ErrorCode | undefined
  #messages = 0
  #bytes = 0

  constructor(limit: Limit, graceMs: number, clock: Clock) {
    this.limit = limit
    this.#graceMs = graceMs
    this.#ms = ageMeter(clock)
  }

  get isGranted(): boolean {
    return this.#outage !== undefined
  }

  grant(outage: ErrorCode): void {
    this.#outage = outage
  }

  leftMs(): number {
    return Math.max(0, this.#graceMs - this.#ms())
  }

  isOver(): boolean {
    return this.leftMs() === 0
  }

  count({ messages, bytes }: Usage): void {
    this.#messages += messages
    this.#bytes += bytes
  }

  /** Undefined where it was not granted. */
  use(): GraceUsage | undefined {
    if (!this.isGranted) return undefined
    return { limit: this.limit, messages: this.#messages, bytes: this.#bytes, ms: this.#ms() }
  }

  /** Undefined where it was not granted. */
  state(): { limit: Limit; code: ErrorCode; leftMs: number } | undefined {
    const code = this.#outage
    return code === undefined ? undefined : { limit: this.limit, code, leftMs: this.leftMs() }
  }
}
