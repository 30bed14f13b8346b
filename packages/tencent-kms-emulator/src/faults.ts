/** The kinds of faults. With `error` and `http` the action does not run; with the others it has run. */
export type FaultKind =
  /** Answers late. Combines with another fault. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Any code, with HTTP 200 as the vendor answers. */
  | { readonly kind: 'error'; readonly code: string; readonly message?: string }
  /** This status with a page of HTML, as a gateway answers; 503 by default. */
  | { readonly kind: 'http'; readonly status?: number }
  /** HTTP 200 with a body that is not JSON. */
  | { readonly kind: 'malformed' }
  /** The connection ends in the middle of the body, although Content-Length announced the whole of it. */
  | { readonly kind: 'truncated' }
  /** HTTP 200 with `{}`, or with no body at all. */
  | { readonly kind: 'empty'; readonly body: '{}' | '' }
  /** A correct answer with these members of `Response` replaced; `undefined` removes one. */
  | { readonly kind: 'altered'; readonly members: Readonly<Record<string, unknown>> }
  /** `before-headers`: a TCP reset instead of an answer; `in-body`: one after half of the body. */
  | { readonly kind: 'reset'; readonly when: 'before-headers' | 'in-body' }
  /** `before-headers`: no answer; `in-body`: half of the body, and no more. The connection stays open. */
  | { readonly kind: 'stall'; readonly when: 'before-headers' | 'in-body' }

/** A fault, and which requests it affects. */
export type Fault = FaultKind & {
  /** All actions by default. */
  readonly action?: string
  /** How many requests it affects: 1 by default; `Infinity` for all until it is removed. */
  readonly times?: number
  /** From 0 to 1, for each request: 1 by default. */
  readonly probability?: number
  /** Makes `probability` repeatable: 1 by default. */
  readonly seed?: number
}

interface Pending {
  readonly fault: Fault
  left: number
  readonly random: () => number
}

export type Latency = Extract<FaultKind, { kind: 'latency' }>
export type Damage = Exclude<FaultKind, Latency>

/** The injected faults, in order. */
export class Faults {
  readonly #pending = new Set<Pending>()

  /** Returns a function that removes the fault. */
  inject(fault: Fault): () => void {
    const pending = { fault, left: fault.times ?? 1, random: randomFrom(fault.seed ?? 1) }
    this.#pending.add(pending)
    return () => {
      this.#pending.delete(pending)
    }
  }

  clear(): void {
    this.#pending.clear()
  }

  /** For one request: the sum of latencies, and the first fault of another kind. */
  take(action: string | undefined): { readonly latencyMs: number; readonly damage: Damage | undefined } {
    let latencyMs = 0
    let damage: Damage | undefined
    for (const pending of this.#pending) {
      const { fault } = pending
      if (fault.action !== undefined && fault.action !== action) continue
      if (fault.kind !== 'latency' && damage !== undefined) continue
      if (pending.random() >= (fault.probability ?? 1)) continue
      if (--pending.left <= 0) this.#pending.delete(pending)
      if (fault.kind === 'latency') latencyMs += fault.ms
      else damage = fault
    }
    return { latencyMs, damage }
  }
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). Only for choosing faults. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
