import type { Cmk } from '../../kms/cmk.js'

/** What happens to the wrappings of envelopes. A CMK is given by its name in `cmks` of the configuration, or by its id. */
export interface WrappingChanges {
  /** Each envelope gets a wrapping under these CMKs, unless it has one. */
  readonly add?: readonly string[]
  /**
   * A wrapping under the CMK `from` is replaced by one under the CMK `to`. With the same CMK twice, it is made anew under
   * the newest version of the CMK.
   */
  readonly replace?: readonly { readonly from: string; readonly to: string }[]
  /** Wrappings under these CMKs are dropped, but never the last one of an envelope. */
  readonly remove?: readonly string[]
}

/** The same with the CMKs that are meant. */
export interface ResolvedChanges {
  readonly add: readonly Cmk[]
  readonly replace: readonly Replacement[]
  readonly remove: readonly Cmk[]
  /** All CMKs of the configuration. */
  readonly known: readonly Cmk[]
}

export interface Replacement {
  readonly from: Cmk
  readonly to: Cmk
}

/** Identifies a CMK in envelopes. */
export interface CmkName {
  readonly provider: string
  readonly cmkId: string
}

/** Whether a wrapping says that it was made under exactly this CMK. */
export function isUnder({ provider, cmkId }: CmkName, cmk: Cmk): boolean {
  return provider === cmk.provider && cmkId === cmk.id
}

/**
 * Finds the CMKs in a configuration.
 * @throws Error for a CMK that is unknown or ambiguous, for changes that contradict each other, and if there are none
 */
export function resolveChanges(
  { add = [], replace = [], remove = [] }: WrappingChanges,
  cmks: ReadonlyMap<string, readonly Cmk[]>,
): ResolvedChanges {
  const changes: ResolvedChanges = {
    add: unique(add.flatMap((given) => cmksOf(given, cmks))),
    replace: replace.map(({ from, to }) => ({ from: oneCmk(from, cmks), to: oneCmk(to, cmks) })),
    remove: unique(remove.flatMap((given) => cmksOf(given, cmks))),
    known: unique([...cmks.values()].flat()),
  }
  refuseContradictions(changes)
  return changes
}

function cmksOf(given: string, cmks: ReadonlyMap<string, readonly Cmk[]>): readonly Cmk[] {
  const named = cmks.get(given)
  const withId = unique([...cmks.values()].flat()).filter(({ id }) => id === given)
  if (named === undefined) {
    if (withId.length === 1) return withId
    if (withId.length > 1) throw new Error(`several CMKs have the id ${given}: give a name of \`cmks\``)
    const names = [...cmks].map(([name, list]) => `${name} (${list.map(({ id }) => id).join(', ')})`)
    throw new Error(`no CMK of the configuration has the name or the id ${given}; it has ${names.join(', ')}`)
  }
  if (withId.some((cmk) => !named.includes(cmk)))
    throw new Error(`${given} is both a name in \`cmks\` and the id of another CMK: rename the former`)
  return named
}

function oneCmk(given: string, cmks: ReadonlyMap<string, readonly Cmk[]>): Cmk {
  const found = cmksOf(given, cmks)
  if (found.length === 1) return found[0] as Cmk
  throw new Error(`${given} stands for several CMKs in \`cmks\`: give the id of one of them`)
}

function refuseContradictions({ add, replace, remove, known }: ResolvedChanges): void {
  if (add.length + replace.length + remove.length === 0)
    throw new Error('nothing to change: give CMKs to add, replace or remove')
  const replaced = replace.map(({ from }) => from)
  // A CMK that is replaced by its own newest version stays.
  const goes = [...replace.filter(({ from, to }) => from !== to).map(({ from }) => from), ...remove]
  const comes = [...add, ...replace.map(({ to }) => to)]
  const twice = replaced.find((cmk, i) => replaced.indexOf(cmk) < i)
  if (twice) throw new Error(`CMK ${twice.id} can be replaced by one CMK only`)
  const both = replaced.find((cmk) => remove.includes(cmk))
  if (both) throw new Error(`CMK ${both.id} cannot be both replaced and removed`)
  const back = goes.find((cmk) => comes.includes(cmk))
  if (back) throw new Error(`wrappings under CMK ${back.id} cannot be both dropped and made`)
  // In an envelope, nothing would tell them apart.
  const alike = [...goes, ...comes].find((cmk) =>
    known.some((other) => other !== cmk && isUnder({ provider: other.provider, cmkId: other.id }, cmk)),
  )
  if (alike) throw new Error(`two KMSs of the configuration have a CMK ${alike.provider} ${alike.id}`)
}

function unique<T>(list: readonly T[]): readonly T[] {
  return [...new Set(list)]
}
