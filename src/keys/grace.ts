import type { ErrorCode } from '../errors.js'
import type { GraceUse, Limit } from '../events.js'
import type { Usage } from '../policy/rotation.js'
import { ageMeter, type Clock } from './clock.js'

/** The time that a DEK goes on past a limit, metered. */
export class Grace {
  readonly #limit: Limit
  readonly #code: ErrorCode
  readonly #graceMs: number
  readonly #ms: () => number
  #messages = 0
  #bytes = 0

  constructor(start: {
    readonly limit: Limit
    readonly code: ErrorCode
    readonly graceMs: number
    readonly clock: Clock
  }) {
    this.#limit = start.limit
    this.#code = start.code
    this.#graceMs = start.graceMs
    this.#ms = ageMeter(start.clock)
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

  use(): GraceUse {
    return { limit: this.#limit, messages: this.#messages, bytes: this.#bytes, ms: this.#ms() }
  }

  state(): { limit: Limit; code: ErrorCode; leftMs: number } {
    return { limit: this.#limit, code: this.#code, leftMs: this.leftMs() }
  }
}
