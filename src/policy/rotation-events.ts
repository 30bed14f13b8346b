import type { ErrorCode } from '../errors.js'
import type { DekOrigin, GraceUsage, Limit, RetireReason } from '../events.js'
import type { FetchFailure } from './fetch-failures.js'
import type { RotationState } from './rotation-state.js'
import type { Usage } from './rotation.js'

/** The events that a rotation handles. */
export type RotationEvent =
  /** A caller asks for a grant to seal the records from `from` on. `sizes`: bytes of body of each. */
  | { readonly type: 'use'; readonly sizes: readonly number[]; readonly from: number }
  /** A caller waits for a DEK that may seal. */
  | { readonly type: 'wait' }
  /** The timer fired. */
  | { readonly type: 'tick' }
  /** A call returned a DEK. `random`: from 0 to 1. */
  | {
      readonly type: 'fetched'
      readonly call: number
      readonly origin: DekOrigin
      readonly ageMs: number
      readonly random: number
    }
  | {
      readonly type: 'failed'
      readonly call: number
      readonly failure: FetchFailure
      readonly error: unknown
      readonly random: number
    }
  /** All DEKs end now, including one that is being fetched. `isAwaited`: a caller waits for one. */
  | { readonly type: 'revoke'; readonly reason: 'manual' | 'evicted'; readonly isAwaited: boolean }
  | { readonly type: 'close'; readonly error: unknown }

/** The actions that the caller must take, in this order. */
export type RotationEffect =
  | { readonly do: 'fetch' | 'abandon'; readonly call: number }
  /** The supplier must not supply its last DEK again (`exhaust`), or any DEK made before now (`revoke`). */
  | { readonly do: 'exhaust' | 'revoke' }
  /** All waiting callers try again (`wake`) or fail. */
  | { readonly do: 'wake' }
  | { readonly do: 'fail'; readonly error: unknown }
  | { readonly do: 'created'; readonly id: number; readonly origin: DekOrigin }
  | { readonly do: 'grace'; readonly id: number; readonly limit: Limit; readonly code: ErrorCode }
  /** No more grants; the key is wiped once the last grant is released. */
  | {
      readonly do: 'retire'
      readonly id: number
      readonly reason: RetireReason
      readonly usage: Usage
      readonly ageMs: number
      readonly grace: GraceUsage | undefined
    }
  /** Sets the timer to `inMs`, or cancels it if undefined. Replaces the previous setting. */
  | { readonly do: 'arm'; readonly inMs: number | undefined }

export interface Step {
  readonly state: RotationState
  readonly effects: readonly RotationEffect[]
  readonly granted: Granted | undefined
}

/** How many records, with how many bytes in total, may be sealed under a DEK. Take it before running the effects. */
export interface Granted extends Usage {
  readonly id: number
}
