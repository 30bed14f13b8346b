import type { FaultKind } from './faults.js'

/** A request, as the emulator saw it. It contains no plaintext, key bytes or secrets. */
export interface EmulatorCall {
  /** Unix, milliseconds. */
  readonly at: number
  readonly requestId: string
  readonly action?: string
  readonly region?: string
  /** As claimed; `code` says whether the signature was right. */
  readonly secretId?: string
  /** The CMK that the request or the blob names; the source of a ReEncrypt. */
  readonly keyId?: string
  /** The string as received; for a ReEncrypt, that of the source. */
  readonly encryptionContext?: string
  /**
   * The code of the error in the answer. With a fault, that of the answer that the fault replaced. Absent after
   * success.
   */
  readonly code?: string
  /** The injected fault, except latency. */
  readonly fault?: FaultKind['kind']
}

/** Filled in while a request is served. */
export type OpenCall = { -readonly [K in keyof EmulatorCall]: EmulatorCall[K] }

const MAX_CALLS = 10_000

/** Only the newest calls, so that a long-lived emulator does not grow. */
export class Calls {
  readonly #calls: EmulatorCall[] = []

  add(call: EmulatorCall): void {
    if (this.#calls.push(call) > MAX_CALLS) this.#calls.shift()
  }

  /** Oldest first. A copy: later calls do not appear in it. */
  all(): readonly EmulatorCall[] {
    return this.#calls.map((call) => ({ ...call }))
  }

  clear(): void {
    this.#calls.length = 0
  }
}
