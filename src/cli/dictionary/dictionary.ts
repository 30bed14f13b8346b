import { readFile, writeFile } from 'node:fs/promises'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { MAX_DICTIONARY_BYTES } from '../../config/defaults.js'
import { explainSizes, printable } from './explain.js'
import { readSamples } from './samples.js'
import { compareSizes, type Sizes } from './sizes.js'
import { readTopicSamples, type TopicSamples } from './topic-samples.js'
import { trainDictionary } from './train.js'

/** One sample of five is kept to try the dictionary on. */
const KEPT_BACK = 5
/** A run that occurs in one sample alone could belong to one person. */
const LEAST = 2

interface CreateOptions extends Partial<TopicSamples> {
  readonly samples?: readonly string[]
  readonly records: number
  readonly minSamples: number
  readonly show?: true
  readonly force?: true
}

/** `kafka-envelope dictionary …`: makes and measures dictionaries for compression. */
export function registerDictionary(program: Command): void {
  const dictionary = program.command('dictionary').description('make and measure compression dictionaries')

  dictionary
    .command('create')
    .description('make a dictionary of what many samples have in common, and print what it saves')
    .argument('<file>')
    .addOption(samplesOption().conflicts('topic'))
    .option('--topic <name>', 'take the samples from this topic; needs --config')
    .option('--config <file>', 'a JavaScript module that exports `kafka` and `encryption`')
    .addOption(
      new Option('--records <n>', 'how many records of the topic, from its beginning')
        .default(2000)
        .argParser(wholeNumber),
    )
    .addOption(
      new Option('--min-samples <n>', 'leave out what occurs in fewer different samples')
        .default(10)
        .argParser(wholeNumber),
    )
    .option('--show', 'print what is in the dictionary, for review')
    .option('--force', 'replace a file that exists')
    .action(create)

  dictionary
    .command('measure')
    .description('compare a dictionary with no compression, gzip and zstd')
    .argument('<file>')
    .addOption(samplesOption().makeOptionMandatory())
    .action(measure)
}

async function create(file: string, options: CreateOptions): Promise<void> {
  const samples = await samplesFor(options)
  const unseen = samples.filter((_, i) => i % KEPT_BACK === KEPT_BACK - 1)
  const seen = samples.filter((_, i) => i % KEPT_BACK !== KEPT_BACK - 1)
  if (unseen.length === 0 || seen.length < options.minSamples) {
    throw new Error(
      `${String(samples.length)} samples are too few for --min-samples ${String(options.minSamples)}`,
    )
  }
  const dictionary = trainDictionary(seen, options.minSamples)
  if (dictionary === undefined) {
    throw new Error(
      `nothing written: no four bytes occur in ${String(options.minSamples)} different samples of ${String(seen.length)}`,
    )
  }
  const sizes = await compareSizes(unseen, dictionary.bytes)
  refuseUseless(sizes)
  await writeFile(file, dictionary.bytes, { flag: options.force === true ? 'w' : 'wx' }).catch(explainExists)

  const { bytes, runs } = dictionary
  process.stdout.write(
    `${file}: ${String(bytes.length)} bytes, ${String(runs.length)} runs, learned from ${String(seen.length)} samples; each run occurs in at least ${String(options.minSamples)} different ones\n\n`,
  )
  process.stdout.write(explainSizes(sizes, unseen.length))
  if (options.show === true) {
    process.stdout.write(
      `\nThe runs, the most useful last\n${runs.map((run) => `  ${printable(run)}\n`).join('')}`,
    )
  }
}

function samplesFor({ samples, topic, config, records }: CreateOptions): Promise<Buffer[]> {
  if (samples !== undefined) return readSamples(samples)
  if (topic === undefined || config === undefined) {
    throw new Error('error: give --samples, or --topic and --config')
  }
  return readTopicSamples({ topic, config, records })
}

async function measure(file: string, options: { readonly samples: readonly string[] }): Promise<void> {
  const dictionary = await readFile(file)
  if (dictionary.length === 0 || dictionary.length > MAX_DICTIONARY_BYTES) {
    throw new Error(
      `${file}: a dictionary has 1 to 32,768 bytes, and this file has ${String(dictionary.length)}`,
    )
  }
  const samples = await readSamples(options.samples)
  if (samples.length === 0) throw new Error('the files contain no samples')
  process.stdout.write(explainSizes(await compareSizes(samples, dictionary), samples.length))
}

/** What gzip (RFC 1952) adds to DEFLATE. Without a frame, a value is smaller by this much with any dictionary. */
const GZIP_FRAME_BYTES = 18

/** @throws Error unless the dictionary makes values smaller than no compression does, and than gzip does without its frame */
function refuseUseless(sizes: readonly Sizes[]): void {
  const bytesOf = (wanted: string): number => sizes.find(({ name }) => name === wanted)?.value ?? 0
  const [none, gzip, dictionary] = [bytesOf('none'), bytesOf('gzip'), bytesOf('dictionary')]
  if (dictionary < Math.min(none, gzip - GZIP_FRAME_BYTES)) return
  throw new Error(
    `nothing written: on samples that it has not seen, a value takes ${dictionary.toFixed(1)} bytes with the dictionary, ${gzip.toFixed(1)} with gzip (${String(GZIP_FRAME_BYTES)} of them its frame) and ${none.toFixed(1)} without compression`,
  )
}

function explainExists(error: unknown): never {
  const { code, path } = error as NodeJS.ErrnoException
  if (code === 'EEXIST')
    throw new Error(`${path ?? 'the file'} exists; --force replaces it`, { cause: error })
  throw error
}

function samplesOption(): Option {
  return new Option(
    '--samples <file...>',
    'values of records: one a line in .jsonl and .ndjson, one a file in others',
  )
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,6}$/.test(text) || Number(text) < LEAST) {
    throw new InvalidArgumentError('Expected a whole number from 2.')
  }
  return Number(text)
}
