import { inflateRawSync, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SAMPLE_KINDS, sampleValues } from '../../../bench/parts/samples/samples.js'
import { compareSizes } from '../../../src/cli/dictionary/sizes.js'
import { corpusOf } from '../../../src/cli/dictionary/corpus.js'
import { sharedRuns } from '../../../src/cli/dictionary/shared-runs.js'
import { suffixOrder } from '../../../src/cli/dictionary/suffix-order.js'
import { MAX_DICTIONARY_BYTES, trainDictionary, type Dictionary } from '../../../src/cli/dictionary/train.js'

/** Few different bytes, so that much is shared by chance, and samples repeat. */
const samplesOf = (alphabet: number) =>
  fc.array(
    fc
      .array(fc.nat({ max: alphabet - 1 }), { minLength: 5, maxLength: 40 })
      .map((bytes) => Buffer.from(bytes)),
    { minLength: 5, maxLength: 20, size: 'max' },
  )

function occursIn(samples: readonly Buffer[], run: Buffer): number {
  const different = new Set(samples.map((sample) => sample.toString('latin1')))
  return [...different].filter((sample) => sample.includes(run.toString('latin1'))).length
}

function expectShared({ bytes, runs, separator }: Dictionary, samples: readonly Buffer[], min: number): void {
  expect(runs.length).toBeGreaterThan(0)
  for (const run of runs) expect(occursIn(samples, run), run.toString('latin1')).toBeGreaterThanOrEqual(min)
  // What reaches from one run into the next contains the whole separator.
  expect(occursIn(samples, separator)).toBe(0)
  expect(bytes).toEqual(Buffer.concat(runs.flatMap((run, i) => (i === 0 ? [run] : [separator, run]))))
  expect(bytes.length).toBeLessThanOrEqual(MAX_DICTIONARY_BYTES)
}

it('every run of a dictionary occurs in enough different samples, and none across two runs in any', () => {
  let made = 0
  fc.assert(
    fc.property(samplesOf(3), fc.integer({ min: 2, max: 6 }), (given, min) => {
      const samples = [...new Map(given.map((sample) => [sample.toString('latin1'), sample])).values()]
      const dictionary = trainDictionary(samples, min)
      if (dictionary === undefined) return
      made++
      expectShared(dictionary, samples, min)
    }),
    { numRuns: 60 },
  )
  expect(made).toBeGreaterThan(20)
})

it('the longest shared run of each position is the one that a search finds', () => {
  fc.assert(
    fc.property(samplesOf(2), fc.integer({ min: 2, max: 5 }), (samples, min) => {
      const corpus = corpusOf(samples, [...samples.keys()])
      const lengths = sharedRuns(corpus, suffixOrder(corpus), min)
      const texts = samples.map((sample) => sample.toString('latin1'))
      const expected = texts.flatMap((text) => [
        ...Array.from(text, (_, at) => {
          let length = 0
          while (
            at + length < text.length &&
            texts.filter((other) => other.includes(text.slice(at, at + length + 1))).length >= min
          ) {
            length++
          }
          return length
        }),
        0,
      ])
      expect([...lengths]).toEqual(expected)
    }),
    { numRuns: 200 },
  )
})

it('a run longer than a match of DEFLATE is found in parts', () => {
  const [shared] = sampleValues('order', 1, 3)
  const long = Buffer.concat([shared as Buffer, Buffer.alloc(600, 'ab')])
  const samples = sampleValues('smallEvent', 12, 4).map((event) => Buffer.concat([event, long, event]))
  const dictionary = trainDictionary(samples, 12)
  expectShared(dictionary as Dictionary, samples, 12)
  const { bytes } = dictionary as Dictionary
  expect(deflateRawSync(long, { dictionary: bytes }).length).toBeLessThan(deflateRawSync(long).length / 4)
})

it('samples that use all bytes get a separator of several', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const samples = sampleValues('logLine', 20, 5).map((line) => Buffer.concat([line, all]))
  const dictionary = trainDictionary(samples, 10)
  expectShared(dictionary as Dictionary, samples, 10)
  expect(dictionary?.separator).toHaveLength(2)
})

it('a name that few samples have is in no dictionary', () => {
  const samples = sampleValues('order', 100, 6)
  const named = samples.map((sample, i) => (i < 9 ? Buffer.concat([sample, Buffer.from('Ms Zyx')]) : sample))
  expect(trainDictionary(named, 10)?.bytes.includes('Zyx')).toBe(false)
  expect(trainDictionary(named, 9)?.bytes.includes('Zyx')).toBe(true)
})

it('every run of a dictionary occurs in enough groups, however many samples a group has', () => {
  let made = 0
  const groupsOf = (count: number) => fc.array(fc.nat({ max: 3 }), { minLength: count, maxLength: count })
  fc.assert(
    fc.property(
      samplesOf(3).chain((samples) => fc.tuple(fc.constant(samples), groupsOf(samples.length))),
      ([samples, groups]) => {
        for (const run of trainDictionary(samples, 3, groups)?.runs ?? []) {
          made++
          const having = samples.flatMap((sample, i) => (sample.includes(run) ? [groups[i]] : []))
          expect(new Set(having).size).toBeGreaterThanOrEqual(3)
        }
      },
    ),
    { numRuns: 60 },
  )
  expect(made).toBeGreaterThan(20)
})

it('a dictionary holds nothing that only values beyond the reach of DEFLATE have', () => {
  const [rest] = sampleValues('order', 1, 12)
  const samples = sampleValues('logLine', 20, 13).map((line) =>
    Buffer.concat([line, Buffer.alloc(2 ** 15 - line.length, '.'), rest as Buffer]),
  )
  expect(trainDictionary(samples, 10)?.bytes.includes('OrderPlaced')).toBe(false)
})

it('equal samples give equal dictionaries, and samples without anything in common none', () => {
  const samples = sampleValues('order', 50, 7)
  expect(trainDictionary(samples, 10)).toEqual(trainDictionary(samples, 10))
  expect(trainDictionary(samples.slice(0, 9), 10)).toBeUndefined()
  expect(trainDictionary([], 10)).toBeUndefined()
})

it.each(SAMPLE_KINDS)('a dictionary of %s saves most of what gzip leaves of a value', async (kind) => {
  const dictionary = trainDictionary(sampleValues(kind, 500, 8), 10) as Dictionary
  const unseen = sampleValues(kind, 100, 9)
  const compared = await compareSizes(unseen, dictionary.bytes)
  const sizes = Object.fromEntries(compared.map(({ name, value }) => [name, value]))
  expect(sizes['dictionary']).toBeLessThan((sizes['gzip'] ?? 0) / 2)
  for (const value of unseen) {
    const deflated = deflateRawSync(value, { dictionary: dictionary.bytes, level: 6 })
    expect(inflateRawSync(deflated, { dictionary: dictionary.bytes })).toEqual(value)
  }
})

it('orders take at most 1.4 times the space of plain ones alone, and 1.6 times in batches', async () => {
  const dictionary = trainDictionary(sampleValues('order', 1600, 10), 10) as Dictionary
  const sizes = await compareSizes(sampleValues('order', 400, 11), dictionary.bytes)
  const sealed = sizes.find(({ name }) => name === 'dictionary')?.sealed ?? []
  const plain = sizes.find(({ name }) => name === 'not encrypted')?.sealed ?? []
  const ratios = sealed.map((bytes, i) => bytes / (plain[i] ?? 0))
  expect(ratios[0]).toBeLessThan(1.4)
  for (const ratio of ratios.slice(1)) expect(ratio).toBeLessThan(1.6)
})
