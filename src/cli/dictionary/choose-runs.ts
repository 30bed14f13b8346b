import type { Corpus } from './corpus.js'
import type { SuffixOrder } from './suffix-order.js'

/** A run of bytes in a corpus. */
export interface Run {
  readonly start: number
  readonly length: number
}

/** How much lower the bar is in each pass; the closer to 1, the closer to taking the best of all each time. */
const STEP = 0.8

/**
 * Chooses runs that cover what many samples have in common, the most useful first, as COVER does (the trainer of zstd):
 * the worth of a run is in how many groups of samples the words of it occur that no chosen run has yet, per byte.
 * @param lengths of the longest shared run at each position
 * @param wordBytes how long a word is
 * @param maxBytes of all runs, each with `jointBytes` more
 */
export function chooseRuns(
  corpus: Corpus,
  order: SuffixOrder,
  lengths: Uint16Array,
  { wordBytes, jointBytes, maxBytes }: { wordBytes: number; jointBytes: number; maxBytes: number },
): Run[] {
  const words = wordsOf(corpus, order, wordBytes)
  const candidates = maximalRuns(order, lengths, wordBytes)
  const worth = (run: Run): number => {
    let sum = 0
    for (let at = run.start; at <= run.start + run.length - wordBytes; at++) {
      sum += words.groups[words.at[at] as number] as number
    }
    return sum / (run.length + jointBytes)
  }
  let rest = candidates.map((run) => ({ run, worth: worth(run) }))
  let bar = rest.reduce((max, each) => Math.max(max, each.worth), 0)
  const chosen: Run[] = []
  let bytes = 0
  while (rest.length > 0 && bytes < maxBytes) {
    bar *= STEP
    for (const each of rest) {
      // What it was worth before is the most that it can be worth now.
      if (each.worth < bar) continue
      each.worth = worth(each.run)
      const size = each.run.length + jointBytes
      if (each.worth === 0 || each.worth < bar || bytes + size > maxBytes) continue
      chosen.push(each.run)
      bytes += size
      const end = each.run.start + each.run.length - wordBytes
      for (let at = each.run.start; at <= end; at++) words.groups[words.at[at] as number] = 0
      each.worth = 0
    }
    // One that no longer fits never will.
    rest = rest.filter((each) => each.worth > 0 && bytes + each.run.length + jointBytes <= maxBytes)
  }
  return chosen
}

/** For each position the number of its word, and for each word in how many groups it occurs. */
function wordsOf(
  { groupAt, groupCount }: Corpus,
  { positions, common }: SuffixOrder,
  wordBytes: number,
): { at: Int32Array; groups: Int32Array } {
  const at = new Int32Array(positions.length)
  const groups = new Int32Array(positions.length)
  const lastWord = new Int32Array(groupCount).fill(-1)
  let word = 0
  for (let place = 0; place < positions.length; place++) {
    if (place > 0 && (common[place] as number) < wordBytes) word++
    const position = positions[place] as number
    at[position] = word
    const group = groupAt[position] as number
    if (lastWord[group] === word) continue
    lastWord[group] = word
    groups[word] = (groups[word] as number) + 1
  }
  return { at, groups }
}

/** The shared runs, without those that lie inside a run that begins one byte earlier: they would repeat most of it. */
function maximalRuns({ positions, common }: SuffixOrder, lengths: Uint16Array, minBytes: number): Run[] {
  const runs: Run[] = []
  let [last, sinceLast] = [0, 0]
  for (let place = 0; place < positions.length; place++) {
    sinceLast = Math.min(sinceLast, common[place] as number)
    const start = positions[place] as number
    const length = lengths[start] as number
    const isPart = start > 0 && (lengths[start - 1] as number) > length
    if (length < minBytes || isPart) continue
    if (length !== last || sinceLast < length) runs.push({ start, length })
    ;[last, sinceLast] = [length, length]
  }
  return runs
}
