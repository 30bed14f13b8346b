import { deflateRawSync } from 'node:zlib'
import { bytesAt, corpusOf } from './corpus.js'
import { chooseRuns, type Run } from './choose-runs.js'
import { separatorFor } from './separator.js'
import { sharedRuns } from './shared-runs.js'
import { suffixOrder } from './suffix-order.js'

/** The writers of zlib reach no further back than this into a dictionary. */
export const MAX_DICTIONARY_BYTES = 32_506

export interface Dictionary {
  readonly bytes: Buffer
  /** In the order in which they stand, the most useful last. */
  readonly runs: readonly Buffer[]
  /** Stands between two runs. */
  readonly separator: Buffer
}

/** How long the words are that runs are judged by, and how much of the dictionary is filled. */
const WORD_BYTES = [4, 6, 10]
const SIZES = [2_048, 4_096, 8_192, 16_384, MAX_DICTIONARY_BYTES]
/** Samples that decide between dictionaries. */
const JUDGES = 200
/** A dictionary costs time for each record, so a larger one must save this much more. */
const MIN_GAIN = 0.005
/** DEFLATE reaches back 32 KiB, so nothing after that many bytes of a value can refer to a dictionary. */
const REACH_BYTES = 32_768

/** The part of a value that a dictionary can make smaller. Only this is learned from. */
export function usefulPart(value: Buffer): Buffer {
  return value.subarray(0, REACH_BYTES)
}

/**
 * Makes a dictionary of runs of bytes. Each run occurs, whole, in at least `minSamples` of the given samples, or in as
 * many groups of them. No text that reaches from one run into the next occurs in any of them. Equal input, equal
 * dictionary.
 * @param samples different ones: each counts
 * @param minSamples at least 2
 * @param groups of each sample the number of its group, from 0. Otherwise, each is a group of its own
 * @returns undefined if the samples have nothing in common
 */
export function trainDictionary(
  samples: readonly Buffer[],
  minSamples: number,
  groups: readonly number[] = [...samples.keys()],
): Dictionary | undefined {
  const parts = samples.map(usefulPart)
  const separator = separatorFor(parts)
  const corpus = corpusOf(parts, groups)
  const order = suffixOrder(corpus)
  const lengths = sharedRuns(corpus, order, minSamples)
  const judges = everyNth(parts, Math.ceil(parts.length / JUDGES))

  let best: { dictionary: Dictionary; cost: number } | undefined
  const jointBytes = separator.length
  const maxBytes = MAX_DICTIONARY_BYTES
  const choices = WORD_BYTES.map((wordBytes) =>
    chooseRuns(corpus, order, lengths, { wordBytes, jointBytes, maxBytes }),
  )
  for (const size of SIZES) {
    for (const choice of choices) {
      const chosen = firstThatFit(choice, jointBytes, size)
      if (chosen.length === 0) continue
      const runs = chosen.map(({ start, length }) => bytesAt(corpus, start, length)).toReversed()
      const dictionary = { bytes: joined(runs, separator), runs, separator }
      const cost = compressedBytes(judges, dictionary.bytes)
      if (best === undefined || cost < best.cost * (1 - MIN_GAIN)) best = { dictionary, cost }
    }
  }
  return best?.dictionary
}

function compressedBytes(samples: readonly Buffer[], dictionary: Buffer): number {
  return samples.reduce((sum, sample) => sum + deflateRawSync(sample, { dictionary, level: 6 }).length, 0)
}

function firstThatFit(runs: readonly Run[], jointBytes: number, maxBytes: number): readonly Run[] {
  let bytes = 0
  const tooMany = runs.findIndex(({ length }) => (bytes += length + jointBytes) > maxBytes)
  return tooMany === -1 ? runs : runs.slice(0, tooMany)
}

function joined(runs: readonly Buffer[], separator: Buffer): Buffer {
  return Buffer.concat(runs.flatMap((run, i) => (i === 0 ? [run] : [separator, run])))
}

function everyNth(samples: readonly Buffer[], n: number): readonly Buffer[] {
  return samples.filter((_, i) => i % n === 0)
}
