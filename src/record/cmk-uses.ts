import type { Cmk } from '../kms/cmk.js'
import type { ResolvedRule } from './topic-rules.js'

/** A CMK that rules name, whether or not a DEK under it has been needed yet. */
export interface CmkUse {
  /** The name of the KMS in the configuration. */
  readonly kms: string
  readonly cmkId: string
  /** The rules that seal under it. */
  readonly sealing: readonly string[]
  /** The rules that open records sealed under it. */
  readonly opening: readonly string[]
}

/** Every CMK that a rule names, with the rules that name it. */
export function cmkUses(rules: readonly ResolvedRule[]): CmkUse[] {
  const uses = new Map<string, { kms: string; cmkId: string; sealing: string[]; opening: string[] }>()
  const add = (rule: string, side: 'sealing' | 'opening', cmks: readonly Cmk[]): void => {
    for (const { kmsName: kms, id: cmkId } of cmks) {
      const name = JSON.stringify([kms, cmkId])
      const use = uses.get(name) ?? { kms, cmkId, sealing: [], opening: [] }
      uses.set(name, use)
      use[side].push(rule)
    }
  }
  for (const { name, sealing, reading } of rules) {
    add(name, 'sealing', sealing?.cmks.list ?? [])
    add(name, 'opening', reading?.cmks.list ?? [])
  }
  return [...uses.values()]
}
