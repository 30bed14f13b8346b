import type { FaultKind } from './faults.js'

/** A request, as the emulator saw it. Neither plaintext nor key bytes nor secrets are in here. */
export interface EmulatorCall {
  /** Unix, milliseconds. */
  readonly at: number
  readonly requestId: string
  readonly action?: string
  readonly region?: string
  /** As claimed; `code` says whether the signature was right. */
  readonly secretId?: string
  /** The CMK that was asked for, or that the blob names; the source of a ReEncrypt. */
  readonly keyId?: string
  /** The string as it came; the source's of a ReEncrypt. */
  readonly encryptionContext?: string
  /** Of the error that was answered, or would have been without the fault; absent after success. */
  readonly code?: string
  /** The fault that was put on the answer, latency aside. */
  readonly fault?: FaultKind['kind']
}

/** While a request is served. */
export type OpenCall = { -readonly [K in keyof EmulatorCall]: EmulatorCall[K] }

const MAX_CALLS = 10_000

/** The newest calls, so that a long-lived emulator does not grow. */
export class Calls {
  readonly #calls: EmulatorCall[] = []

  add(call: EmulatorCall): void {
    if (this.#calls.push(call) > MAX_CALLS) this.#calls.shift()
  }

  /** Oldest first. A copy: calls that come later do not show in it. */
  all(): readonly EmulatorCall[] {
    return this.#calls.map((call) => ({ ...call }))
  }

  clear(): void {
    this.#calls.length = 0
  }
}
