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
/** Bytes that are learned from. More take more time and hardly help. */
const MAX_TRAINING_BYTES = 4 * 2 ** 20

/**
 * Makes a dictionary of runs of bytes. Each run occurs, whole, in at least `minSamples` of the given samples. Equal
 * samples count once. No run that reaches from one into the next occurs in any of them. Equal input, equal dictionary.
 * @param minSamples at least 2
 * @returns undefined if the samples have nothing in common
 */
export function trainDictionary(samples: readonly Buffer[], minSamples: number): Dictionary | undefined {
  const different = evenly(distinct(samples), MAX_TRAINING_BYTES)
  const separator = separatorFor(different)
  const corpus = corpusOf(different)
  const order = suffixOrder(corpus)
  const lengths = sharedRuns(corpus, order, minSamples)
  const judges = everyNth(different, Math.ceil(different.length / JUDGES))

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

function distinct(samples: readonly Buffer[]): Buffer[] {
  return [...new Map(samples.map((sample) => [sample.toString('latin1'), sample])).values()]
}

/** Samples from the whole range that have about `maxBytes` together. */
function evenly(samples: readonly Buffer[], maxBytes: number): readonly Buffer[] {
  const bytes = samples.reduce((sum, { length }) => sum + length, 0)
  return everyNth(samples, Math.ceil(bytes / maxBytes))
}

function everyNth(samples: readonly Buffer[], n: number): readonly Buffer[] {
  return n <= 1 ? samples : samples.filter((_, i) => i % n === 0)
}
