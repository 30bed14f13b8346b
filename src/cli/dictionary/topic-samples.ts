import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { figure } from '../estimate/format-units.js'
import { readTopic, type Setup } from './read-topic.js'
import { sampleOf, type Sample } from './sample.js'

/** Where to take samples from. */
export interface TopicSamples {
  readonly topic: string
  /** A module that exports `kafka` and `encryption`. */
  readonly config: string
  /** How many at most, from the beginning of the topic. */
  readonly records: number
}

/**
 * Values of a topic. Those of records with the same key are one group, unless `groupBy` names another.
 * @param groupBy as for `sampleOf`
 */
export async function topicSamples(
  { topic, config, records }: TopicSamples,
  groupBy?: string,
): Promise<Sample[]> {
  const setup = await load(config)
  try {
    const { values, atMost } = await readTopic(setup, topic, records)
    process.stdout.write(
      `${topic}: ${figure(values.length)} values read; the topic has at most ${figure(atMost)} records\n`,
    )
    return values.map(({ value, key, place }) => sampleOf(value, { place, key }, groupBy))
  } finally {
    await setup.encryption.close()
  }
}

async function load(config: string): Promise<Setup> {
  const loaded = (await import(pathToFileURL(resolve(config)).href)) as Partial<Setup>
  const { kafka, encryption } = loaded
  if (kafka === undefined || encryption === undefined) {
    throw new Error(`${config} has to export \`kafka\` and \`encryption\``)
  }
  return { kafka, encryption }
}
