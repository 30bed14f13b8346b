import type { ErrorCode } from '../../errors.js'
import type { Limit } from '../../events.js'
import type { Instant } from '../../clock.js'
import type { MissingCmk } from '../../kms/cmk.js'
import {
  currentDek,
  dekAgeMs,
  graceLeftMs,
  type RotationRule,
  type RotationState,
} from '../../policy/rotation-state.js'
import type { SealingSession } from './sealing-session.js'

/** The state of the DEKs of a rule, or of one of its topics, as `health()` reports it. */
export interface SealingState {
  readonly rule: string
  readonly topic?: string
  /**
   * `empty`: no DEK yet, or the last one ended and no send has needed another. `fetching`: sends wait for the next one.
   * `grace`: the DEK seals past a limit, because the KMS fails transiently.
   */
  readonly state: RotationState['at']
  readonly sessionId?: string
  readonly messages?: number
  readonly bytes?: number
  readonly ageMs?: number
  /** Until `maxAge` at the latest; 0 during a grace. */
  readonly rotatesInMs?: number
  /** The CMKs that cannot unwrap the DEK, because they failed when it was made (`sealUnder: 'any'`). */
  readonly missing?: readonly MissingCmk[]
  /** Whether the next DEK has already been fetched. */
  readonly nextReady?: boolean
  /** The code with which the last attempt to get a DEK failed; absent once one has succeeded. */
  readonly failure?: ErrorCode
  readonly grace?: { readonly limit: Limit; readonly code: ErrorCode; readonly leftMs: number }
}

type Described = Pick<SealingSession, 'id' | 'missing'>

export function sealingState(
  names: { readonly rule: string; readonly topic?: string },
  rule: RotationRule,
  state: RotationState,
  now: Instant,
  sessionOf: (id: number) => Described,
): SealingState {
  const dek = currentDek(state)
  const failure = state.failures.last
  return {
    ...names,
    state: state.at,
    ...(dek && {
      ...described(sessionOf(dek.id)),
      ...dek.usage,
      ageMs: dekAgeMs(dek, now),
      rotatesInMs: state.at === 'grace' ? 0 : Math.max(0, rule.rotate.maxAgeMs - dekAgeMs(dek, now)),
      nextReady: state.at === 'ready' && state.next !== undefined,
    }),
    ...(failure === undefined ? {} : { failure }),
    ...(state.at === 'grace' && {
      grace: {
        limit: state.overdue.limit,
        code: state.code,
        leftMs: graceLeftMs(rule, state.overdue, now),
      },
    }),
  }
}

function described({ id, missing }: Described): Pick<SealingState, 'sessionId' | 'missing'> {
  return { sessionId: id.toString('hex'), ...(missing.length === 0 ? {} : { missing }) }
}
