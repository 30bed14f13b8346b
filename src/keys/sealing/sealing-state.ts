import type { ErrorCode } from '../../errors.js'
import type { Limit } from '../../events.js'

/** What `health()` tells of a sealing key. */
export interface SealingState {
  readonly rule: string
  readonly topic?: string
  /**
   * `empty`: no DEK yet, or the last one ended and nobody needed another. `fetching`: sends wait for the next one.
   * `grace`: the DEK is past a limit and goes on, because the KMS fails transiently.
   */
  readonly state: 'empty' | 'fetching' | 'ready' | 'grace'
  readonly sessionId?: string
  readonly messages?: number
  readonly bytes?: number
  readonly ageMs?: number
  /** Until `maxAge` at the latest; 0 in a grace. */
  readonly rotatesInMs?: number
  /** Whether the next DEK is there already. */
  readonly nextReady?: boolean
  /** What the last attempt to get a DEK failed with; absent once one succeeded. */
  readonly failure?: ErrorCode
  readonly grace?: { readonly limit: Limit; readonly code: ErrorCode; readonly leftMs: number }
}
