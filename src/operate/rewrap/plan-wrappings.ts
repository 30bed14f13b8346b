import { MAX_WRAPPINGS } from '../../envelope/bounds.js'
import type { WrappedDek } from '../../envelope/format.js'
import type { Cmk } from '../../kms/cmk.js'
import { NotRewrapped } from './not-rewrapped.js'
import { isUnder, type ResolvedChanges } from './wrapping-changes.js'

/** A wrapping of the new envelope: one that it had before, or one to be made under a CMK. */
export type PlannedWrapping =
  | { readonly kept: WrappedDek }
  /** `replaced`: the wrapping whose place it takes. */
  | { readonly under: Cmk; readonly replaced?: WrappedDek }

/** CMKs of which one must open the new envelope before it is written. */
export interface Proof {
  /** Empty if the configuration has no CMK of the wrappings that are left. */
  readonly cmks: readonly Cmk[]
  /** Whether someone asked for exactly this CMK. */
  readonly isAsked: boolean
}

export interface WrappingPlan {
  readonly wrappings: readonly PlannedWrapping[]
  readonly proofs: readonly Proof[]
}

/**
 * The wrappings that an envelope has after the changes, in order: one that replaces another takes its place, one that is
 * added comes last. If an envelope has a wrapping under the CMK that shall replace another, it keeps that one.
 * @returns undefined if nothing changes
 * @throws NotRewrapped
 */
export function planWrappings(
  wrappedDeks: readonly WrappedDek[],
  { add, replace, remove, known }: ResolvedChanges,
): WrappingPlan | undefined {
  const wrappings: PlannedWrapping[] = []
  const takenOver: Cmk[] = []
  const isThere = (cmk: Cmk): boolean =>
    wrappings.some((one) => ('kept' in one ? isUnder(one.kept, cmk) : one.under === cmk))
  const stays = (cmk: Cmk): boolean =>
    wrappedDeks.some((one) => isUnder(one, cmk)) && !replace.some(({ from }) => from === cmk)
  for (const wrapped of wrappedDeks) {
    const to = replace.find(({ from }) => isUnder(wrapped, from))?.to
    if (to !== undefined) {
      if (stays(to) || isThere(to)) takenOver.push(to)
      else wrappings.push({ under: to, replaced: wrapped })
    } else if (!remove.some((cmk) => isUnder(wrapped, cmk))) wrappings.push({ kept: wrapped })
  }
  for (const cmk of add) if (!isThere(cmk)) wrappings.push({ under: cmk })

  const made = wrappings.flatMap((one) => ('kept' in one ? [] : [one.under]))
  const isShorter = wrappings.length < wrappedDeks.length
  if (made.length === 0 && !isShorter) return undefined
  if (wrappings.length === 0) throw lastWrapping(wrappedDeks)
  if (wrappings.length > MAX_WRAPPINGS) throw tooMany(wrappings.length)
  const asked = [...new Set([...made, ...takenOver])]
  const proofs = asked.map((cmk): Proof => ({ cmks: [cmk], isAsked: true }))
  return { wrappings, proofs: proofs.length > 0 ? proofs : [{ cmks: known.filter(isThere), isAsked: false }] }
}

function lastWrapping(wrappedDeks: readonly WrappedDek[]): NotRewrapped {
  return new NotRewrapped(
    'LAST_WRAPPING',
    `no wrapping would be left: it has only ${wrappedDeks.map(({ provider, cmkId }) => `${provider} ${cmkId}`).join(', ')}`,
    'Replace or add a wrapping instead',
  )
}

function tooMany(count: number): NotRewrapped {
  return new NotRewrapped(
    'TOO_MANY_WRAPPINGS',
    `it would have ${String(count)} wrappings, and an envelope has at most ${String(MAX_WRAPPINGS)}`,
    'Replace or remove some of them',
  )
}
