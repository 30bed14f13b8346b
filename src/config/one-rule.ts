import { clashes } from '../policy/glob-clashes.js'
import { asArray } from './untyped.js'
import { child } from './paths.js'
import { table, type RuleAt } from './cross-check-input.js'
import { isGlob } from '../policy/topics.js'

/** Checks that each topic matches exactly one rule. */
export const ONE_RULE = table({
  'a topic matches one rule': function* ({ rules, show }) {
    const first = new Map<string, Pattern>()
    const pairs: [Pattern, Pattern][] = []
    for (const pattern of patternsOf(rules)) {
      const same = first.get(pattern.glob)
      if (same) pairs.push([same, pattern])
      else first.set(pattern.glob, pattern)
    }
    const overlapping = clashes([...first.values()].filter(({ glob }) => isGlob(glob)))
    const inOrder = [...pairs, ...overlapping].map(([a, b]) =>
      a.order < b.order ? { earlier: a, later: b } : { earlier: b, later: a },
    )
    for (const { earlier, later } of inOrder.toSorted((a, b) => a.later.order - b.later.order)) {
      const both = `${show(later.path, later.glob)} and ${show(earlier.path, earlier.glob)} (${earlier.path})`
      yield { path: later.path, message: `${both} can match the same topic` }
    }
  },
})

/** An entry of a rule's `match`. */
interface Pattern {
  readonly glob: string
  readonly owner: RuleAt
  readonly path: string
  readonly order: number
}

function patternsOf(rules: readonly RuleAt[]): Pattern[] {
  return rules
    .flatMap((owner) =>
      asArray(owner.rule['match']).map((glob, i) => ({ glob, owner, path: child(`${owner.path}.match`, i) })),
    )
    .flatMap(({ glob, ...rest }, order) => (typeof glob === 'string' ? [{ glob, ...rest, order }] : []))
}
