import { endsOf } from './topics.js'

/*
 * Two globs have a topic in common exactly if one's prefix (the text before its first `*`) begins with the other's, and
 * one's suffix (the text after its last) ends with the other's. Such a topic is the longer prefix, then everything that
 * the two have between their stars, then the longer suffix.
 *
 * In sorted order, the globs that begin with a prefix follow it directly. So the globs are visited by prefix, and those
 * whose prefix the current one begins with are kept by suffix. Apart from sorting, a glob costs one step for each
 * shorter suffix that its own ends with: at most the length of a topic.
 */

/** A glob and its owner. Globs of one owner may overlap. */
export interface OwnedGlob {
  readonly glob: string
  readonly owner: unknown
}

/**
 * Pairs of globs that overlap and have different owners, at most one pair for each glob. Empty if and only if no such
 * pair exists.
 */
export function clashes<G extends OwnedGlob>(globs: readonly G[]): [G, G][] {
  const ends = globs.map((entry) => {
    const { prefix, suffix } = endsOf(entry.glob)
    return { entry, prefix, backwards: reversed(suffix) }
  })
  const suffixes = nest<G>(ends.map(({ backwards }) => backwards))
  const visits = ends.map(({ backwards, ...rest }) => ({
    ...rest,
    suffix: suffixes.get(backwards) as Nested<G>,
  }))
  const around: typeof visits = []
  const found: [G, G][] = []
  for (const visit of visits.toSorted((a, b) => compare(a.prefix, b.prefix))) {
    for (let last = around.at(-1); last && !visit.prefix.startsWith(last.prefix); last = around.at(-1)) {
      remove(last.suffix)
      around.pop()
    }
    const other = overlapping(visit.suffix, visit.entry.owner)
    if (other) found.push([other, visit.entry])
    add(visit.suffix, visit.entry)
    around.push(visit)
  }
  return found
}

/** A suffix, reversed, and its globs that are open now, oldest first. */
interface Nested<G> {
  /** The longest shorter suffix that it ends with. */
  readonly parent: Nested<G> | undefined
  readonly text: string
  readonly here: Newest<G>[]
  /** Those of longer suffixes that end with it, too. */
  readonly within: Newest<G>[]
}

/** A glob, and the newest one before it that has another owner. */
interface Newest<G> {
  readonly glob: G
  readonly ofAnother: G | undefined
}

function nest<G>(texts: readonly string[]): ReadonlyMap<string, Nested<G>> {
  const all = new Map<string, Nested<G>>()
  let last: Nested<G> | undefined
  for (const text of [...new Set(texts)].toSorted(compare)) {
    while (last && !text.startsWith(last.text)) last = last.parent
    last = { parent: last, text, here: [], within: [] }
    all.set(text, last)
  }
  return all
}

function add<G extends OwnedGlob>(suffix: Nested<G>, glob: G): void {
  push(suffix.here, glob)
  for (let each: Nested<G> | undefined = suffix; each; each = each.parent) push(each.within, glob)
}

/** Removes the glob that was added last. */
function remove<G>(suffix: Nested<G>): void {
  suffix.here.pop()
  for (let each: Nested<G> | undefined = suffix; each; each = each.parent) each.within.pop()
}

function overlapping<G extends OwnedGlob>(suffix: Nested<G>, owner: unknown): G | undefined {
  let found = newestOfAnother(suffix.within, owner)
  for (let each = suffix.parent; each && !found; each = each.parent) {
    found = newestOfAnother(each.here, owner)
  }
  return found
}

function push<G extends OwnedGlob>(stack: Newest<G>[], glob: G): void {
  stack.push({ glob, ofAnother: newestOfAnother(stack, glob.owner) })
}

function newestOfAnother<G extends OwnedGlob>(stack: readonly Newest<G>[], owner: unknown): G | undefined {
  const top = stack.at(-1)
  return top?.glob.owner === owner ? top?.ofAnother : top?.glob
}

/** By UTF-16 units: patterns are ASCII, or are reported as invalid. */
function reversed(text: string): string {
  return text.split('').reverse().join('')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
