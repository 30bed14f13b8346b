import { chanceOf } from '../../bench/parts/samples/chance.js'
import { SAMPLE_KINDS, sampleValues } from '../../bench/parts/samples/samples.js'
import { trainDictionary } from '../../src/cli/dictionary/train.js'

/** A dictionary, and values to compress with it. */
export interface Case {
  readonly name: string
  readonly dictionary: Buffer
  readonly values: readonly Buffer[]
}

/** The smallest dictionary, the largest that readers accept, and the largest that the tool makes. */
export function casesOf(perKind: number): Case[] {
  const text = Buffer.concat(sampleValues('order', 100, 1))
  const trained = trainDictionary(
    SAMPLE_KINDS.flatMap((kind) => sampleValues(kind, 200, 2)),
    2,
  )
  const dictionaries = {
    '1 byte': Buffer.from('"'),
    '32768 bytes': text.subarray(0, 32_768),
    'of the tool': trained?.bytes ?? Buffer.alloc(0),
  }
  return Object.entries(dictionaries).map(([name, dictionary]) => ({
    name,
    dictionary,
    values: [
      ...SAMPLE_KINDS.flatMap((kind) => sampleValues(kind, perKind, 3)),
      ...incompressible(perKind),
      ...ofDictionary(dictionary),
      ...edges(text),
    ],
  }))
}

function incompressible(count: number): Buffer[] {
  const { below } = chanceOf(4)
  return Array.from({ length: count }, () =>
    Buffer.from(Array.from({ length: below(600) }, () => below(256))),
  )
}

/** Matches that reach to its first byte, to its last, over its end, and all of it twice. */
function ofDictionary(dictionary: Buffer): Buffer[] {
  const { below } = chanceOf(5)
  const pieces = Array.from({ length: 40 }, () => {
    const start = below(dictionary.length)
    return dictionary.subarray(start, start + 1 + below(400))
  })
  return [
    dictionary,
    dictionary.subarray(0, 300),
    dictionary.subarray(-300),
    Buffer.concat([dictionary, dictionary]),
    Buffer.concat([dictionary.subarray(-3), dictionary.subarray(-3), dictionary.subarray(-3)]),
    ...pieces,
    Buffer.concat(pieces),
  ]
}

/** Nothing, one byte, runs, and values in which the dictionary falls out of the window. */
function edges(text: Buffer): Buffer[] {
  return [
    Buffer.alloc(0),
    Buffer.alloc(1),
    Buffer.from('"'),
    Buffer.alloc(100_000),
    Buffer.alloc(100_000, '"'),
    text,
    Buffer.concat([text.subarray(100, 400), text, text.subarray(100, 400)]),
  ]
}
