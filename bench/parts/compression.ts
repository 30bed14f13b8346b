import { gunzipSync, gzipSync } from 'node:zlib'
import { chooseEngine } from '../../src/crypto/choose-engine.js'
import { cpuTimes, figureOver, roundsOf, type Case } from '../harness/result.js'
import { compare, repeated, type Contender, type Rounds, type Turns } from '../harness/rounds.js'
import { ENGINES } from './engines.js'
import { SAMPLE_KINDS, SAMPLE_TITLES, sampleValues, type SampleKind } from './samples/samples.js'
import { MIB, type Plan } from './setup.js'

/** The longest that a tool makes, and one as it makes for samples like these. */
const LONGEST = 32_506
const SHORT = 4096
const QUICK_KINDS: readonly SampleKind[] = ['order', 'smallEvent']
const VALUES = 100
/** A dictionary is made of other samples of the kind than those that are compressed. */
const [DICTIONARY_SEED, VALUES_SEED] = [1, 2]
const DICTIONARY_SAMPLES = 500

/** What it costs to compress and decompress single values with a dictionary, against gzip without one. */
export async function* compression({ quick }: Plan): AsyncGenerator<Case> {
  const rounds: Rounds = quick ? { turns: 2, rounds: 20, maxMs: 1200 } : { turns: 4, rounds: 20 }
  for (const kind of quick ? QUICK_KINDS : SAMPLE_KINDS)
    for (const dictionaryBytes of quick ? [LONGEST] : [SHORT, LONGEST])
      yield* compared(kind, dictionaryBytes, rounds)
}

async function* compared(kind: SampleKind, dictionaryBytes: number, rounds: Rounds): AsyncGenerator<Case> {
  const samples = sampleValues(kind, DICTIONARY_SAMPLES, DICTIONARY_SEED)
  const dictionary = Buffer.concat(samples).subarray(-dictionaryBytes)
  const values = sampleValues(kind, VALUES, VALUES_SEED)
  const valueBytes = Math.round(values.reduce((sum, { length }) => sum + length, 0) / VALUES)
  const parameters = { valueBytes, dictionaryBytes: dictionary.length }
  const compressing: Contender[] = [repeated('gzip', VALUES, () => values.map((value) => gzipSync(value)))]
  const members = values.map((value) => gzipSync(value))
  const decompressing = [repeated('gzip', VALUES, () => members.map((member) => gunzipSync(member)))]
  for (const name of ENGINES) {
    const deflate = (await chooseEngine(name)).deflateWith(dictionary)
    const streams = values.map((value) => deflate.compress(value))
    compressing.push(repeated(name, VALUES, () => values.map((value) => deflate.compress(value))))
    decompressing.push(repeated(name, VALUES, () => streams.map((stream) => deflate.decompress(stream, MIB))))
  }
  const title = SAMPLE_TITLES[kind]
  yield result(`${title}: compress`, parameters, await compare(compressing, rounds))
  yield result(`${title}: decompress`, parameters, await compare(decompressing, rounds))
}

function result(name: string, parameters: Case['parameters'], turns: Turns): Case {
  const figures = [...turns].flatMap(([contender, own]) => [
    figureOver(
      contender,
      'cpuMicrosecondsPerRecord',
      own.map(({ cpuMs, records }) => (1000 * cpuMs) / records),
    ),
    ...(contender === 'gzip' ? [] : [cpuTimes(turns, { contender, against: 'gzip' })]),
  ])
  return { part: 'compression', name, parameters, rounds: roundsOf(turns), figures }
}
