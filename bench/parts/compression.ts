import { gunzipSync, gzipSync } from 'node:zlib'
import { chooseEngine } from '../../src/crypto/choose-engine.js'
import { cpuTimes, figureOver, roundsOf, type Case } from '../harness/result.js'
import { compare, repeated, type Contender, type Rounds, type Turns } from '../harness/rounds.js'
import { ENGINES } from './engines.js'
import { SAMPLE_KINDS, SAMPLE_TITLES, sampleValues, type SampleKind } from './samples/samples.js'
import { MIB, type Plan, type Run } from './setup.js'

/** The longest that a tool makes, and one as it makes for samples like these. */
const LONGEST = 32_506
const SHORT = 4096
const QUICK_KINDS: readonly SampleKind[] = ['order', 'smallEvent']
const VALUES = 100
/** A dictionary is made of other samples of the kind than those that are compressed. */
const [DICTIONARY_SEED, VALUES_SEED] = [1, 2]
const DICTIONARY_SAMPLES = 500

const OPERATIONS = ['compress', 'decompress'] as const
type Operation = (typeof OPERATIONS)[number]
/** As an engine has it. */
interface Codec {
  compress(value: Buffer): Buffer
  decompress(stream: Buffer, maxBytes: number): unknown
}
const GZIP: Codec = {
  compress: (value) => gzipSync(value),
  decompress: (stream) => gunzipSync(stream),
}

/** What it costs to compress and decompress single values with a dictionary, against gzip without one. */
export function compression({ quick }: Plan): Run[] {
  const kinds = quick ? QUICK_KINDS : SAMPLE_KINDS
  const sizes = quick ? [LONGEST] : [SHORT, LONGEST]
  const rounds: Rounds = quick ? { rounds: 60, maxMs: 1800 } : { rounds: 80 }
  return kinds.flatMap((kind) =>
    sizes.flatMap((dictionaryBytes) =>
      OPERATIONS.map((operation) => ({
        name: `${operation}-${kind}-${String(dictionaryBytes)}`,
        measure: async () => [await compared(kind, dictionaryBytes, operation, rounds)],
      })),
    ),
  )
}

async function compared(
  kind: SampleKind,
  dictionaryBytes: number,
  operation: Operation,
  rounds: Rounds,
): Promise<Case> {
  const samples = sampleValues(kind, DICTIONARY_SAMPLES, DICTIONARY_SEED)
  const dictionary = Buffer.concat(samples).subarray(-dictionaryBytes)
  const values = sampleValues(kind, VALUES, VALUES_SEED)
  const valueBytes = Math.round(values.reduce((sum, { length }) => sum + length, 0) / VALUES)
  const contenders = [contender('gzip', () => GZIP, operation, values)]
  for (const name of ENGINES) {
    const engine = await chooseEngine(name)
    contenders.push(contender(name, () => engine.deflateWith(dictionary), operation, values))
  }
  const parameters = { valueBytes, dictionaryBytes: dictionary.length }
  return result(`${SAMPLE_TITLES[kind]}: ${operation}`, parameters, await compare(contenders, rounds))
}

/**
 * Has a new codec in each turn. Where the memory of a codec lies decides how fast it is, for as long as it lives: about one
 * in four takes a third more time than the others.
 */
function contender(
  name: string,
  create: () => Codec,
  operation: Operation,
  values: readonly Buffer[],
): Contender {
  let codec = create()
  const streams = values.map((value) => codec.compress(value))
  const work =
    operation === 'compress'
      ? () => values.map((value) => codec.compress(value))
      : () => streams.map((stream) => codec.decompress(stream, MIB))
  const { turn } = repeated(name, VALUES, work)
  return {
    name,
    turn() {
      codec = create()
      // Its memory is new, and not in the caches.
      work()
      return turn()
    },
  }
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
