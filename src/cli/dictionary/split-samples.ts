import { figure } from '../estimate/format-units.js'
import type { Sample } from './sample.js'
import { usefulPart } from './train.js'

/** Samples to learn from, and others to try the dictionary on. */
export interface SplitSamples {
  readonly learned: readonly Buffer[]
  /** Of each that is learned from the number of its group, from 0. */
  readonly groups: readonly number[]
  readonly groupCount: number
  readonly unseen: readonly Buffer[]
}

/** One sample of five is kept to try the dictionary on. */
const KEPT_BACK = 5
/** Bytes that are learned from. More take more time and hardly help. */
const MAX_LEARNED_BYTES = 4 * 2 ** 20

/**
 * Splits samples. Equal ones count once, so what is learned from is not among the unseen.
 * @throws Error if too few are left for runs that occur in `minSamples` groups
 */
export function splitSamples(samples: readonly Sample[], minSamples: number): SplitSamples {
  const different = distinct(samples)
  const isKeptBack = (i: number): boolean => i % KEPT_BACK === KEPT_BACK - 1
  const unseen = different.filter((_, i) => isKeptBack(i))
  const learned = thinned(different.filter((_, i) => !isKeptBack(i)))
  const { groups, groupCount } = numbered(learned)
  if (unseen.length === 0 || groupCount < minSamples) {
    throw new Error(
      `too few samples for --min-samples ${String(minSamples)}: of ${figure(samples.length)}, ${figure(different.length)} are different; ${figure(learned.length)} of them, in ${figure(groupCount)} groups, would be learned from`,
    )
  }
  const values = (of: readonly Sample[]): Buffer[] => of.map(({ value }) => value)
  return { learned: values(learned), groups, groupCount, unseen: values(unseen) }
}

/** Sorts, because a map of long strings is slow: the hashes of those over 16 KiB tell only their lengths. */
function distinct(samples: readonly Sample[]): Sample[] {
  const valueOf = (i: number): Buffer => (samples[i] as Sample).value
  const sorted = [...samples.keys()].sort((a, b) => valueOf(a).compare(valueOf(b)) || a - b)
  const repeated = new Set(
    sorted.filter((i, place) => place > 0 && valueOf(sorted[place - 1] as number).equals(valueOf(i))),
  )
  return samples.filter((_, i) => !repeated.has(i))
}

/** Samples from the whole range, whose useful parts have hardly more bytes together than are learned from. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  const bytesOf = ({ value }: Sample): number => usefulPart(value).length
  const share = Math.min(1, MAX_LEARNED_BYTES / samples.reduce((sum, sample) => sum + bytesOf(sample), 0))
  let [passed, kept] = [0, 0]
  return samples.filter((sample) => {
    const isKept = kept <= passed * share
    passed += bytesOf(sample)
    if (isKept) kept += bytesOf(sample)
    return isKept
  })
}

/** Groups as numbers. A sample without a group gets one of its own. */
function numbered(samples: readonly Sample[]): Pick<SplitSamples, 'groups' | 'groupCount'> {
  const named = new Map<string, number>()
  let groupCount = 0
  const groups = samples.map(({ group }) => {
    const number = (group === undefined ? undefined : named.get(group)) ?? groupCount++
    if (group !== undefined) named.set(group, number)
    return number
  })
  return { groups, groupCount }
}
