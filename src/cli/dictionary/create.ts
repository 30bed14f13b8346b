import { figure } from '../estimate/format-units.js'
import { printable } from '../printable.js'
import { explainSizes } from './explain.js'
import type { Sample } from './sample.js'
import { readSamples } from './file-samples.js'
import { sha256 } from '../../operate/sha256.js'
import { compareSizes, type Sizes } from './sizes.js'
import { splitSamples, type SplitSamples } from './split-samples.js'
import { topicSamples, type TopicSamples } from './topic-samples.js'
import { trainDictionary } from './train.js'
import { writeDictionary } from './write-dictionary.js'

interface CreateOptions extends Partial<TopicSamples> {
  readonly samples?: readonly string[]
  readonly records: number
  readonly minSamples: number
  readonly groupBy?: string
  readonly show?: true
  readonly force?: true
}

/** `kafka-envelope dictionary create FILE`. */
export async function create(file: string, options: CreateOptions): Promise<void> {
  const { minSamples } = options
  const split = splitSamples(await samplesFor(options), minSamples)
  const dictionary = trainDictionary(split.learned, minSamples, split.groups)
  if (dictionary === undefined) {
    throw new Error(
      `nothing written: no four bytes occur in ${figure(minSamples)} of ${figure(split.groupCount)} groups of samples`,
    )
  }
  const sizes = await compareSizes(split.unseen, dictionary.bytes)
  refuseUseless(sizes)
  const { bytes, runs } = dictionary
  const hash = await sha256(bytes)
  const replaced = await writeDictionary(file, bytes, options.force === true)
  if (replaced !== undefined && replaced !== hash) warnReplaced(file, replaced)
  process.stdout.write(
    [
      `${file}: ${figure(bytes.length)} bytes, ${figure(runs.length)} runs, SHA-256 ${hash}`,
      ...explainThreshold(split, minSamples),
      '',
      explainSizes(sizes, split.unseen.length),
    ].join('\n'),
  )
  if (options.show === true) {
    process.stdout.write(
      `\nThe runs, the most useful last\n${runs.map((run) => `  ${printable(run)}\n`).join('')}`,
    )
  }
}

function samplesFor({ samples, topic, config, records, groupBy }: CreateOptions): Promise<Sample[]> {
  if (samples !== undefined) return readSamples(samples, groupBy)
  if (topic === undefined || config === undefined) {
    throw new Error('error: give --samples, or --topic and --config')
  }
  return topicSamples({ topic, config, records }, groupBy)
}

function explainThreshold({ learned, groupCount }: SplitSamples, minSamples: number): string[] {
  const [samples, least] = [figure(learned.length), figure(minSamples)]
  return groupCount === learned.length
    ? [
        `Learned from ${samples} different samples; each run occurs in at least ${least} of them.`,
        `This counts samples, not people: text about one person with ${least} samples can be in it. With --group-by, it counts customers, for example.`,
      ]
    : [
        `Learned from ${samples} different samples in ${figure(groupCount)} groups; each run occurs in at least ${least} groups.`,
        `This counts groups, not people: text about one person with samples in ${least} groups can be in it.`,
      ]
}

/**
 * A record alone has to gain: the dictionary is named in its header, and every reader has to keep it.
 * @throws Error unless a sealed record takes fewer bytes than without compression, and than with gzip
 */
function refuseUseless(sizes: readonly Sizes[]): void {
  const bytesOf = (wanted: string): number => sizes.find(({ name }) => name === wanted)?.sealed[0] ?? 0
  const [none, gzip, dictionary] = [bytesOf('none'), bytesOf('gzip'), bytesOf('dictionary')]
  if (dictionary < Math.min(none, gzip)) return
  throw new Error(
    `nothing written: on samples that it has not seen, a sealed record takes ${dictionary.toFixed(1)} bytes with the dictionary, ${gzip.toFixed(1)} with gzip and ${none.toFixed(1)} without compression`,
  )
}

function warnReplaced(file: string, replaced: string): void {
  process.stderr.write(
    `warning: ${file} had the SHA-256 ${replaced}. Readers without that file cannot open records that were compressed with it (DICTIONARY_UNKNOWN)\n`,
  )
}
