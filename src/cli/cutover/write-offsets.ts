import { editConfigFile } from '../../config-file/edit/edit-config-file.js'
import type { Edit } from '../../config-file/edit/edit.js'
import type { ReadConfig } from '../../config-file/read-file.js'
import { ALL_PLAINTEXT, endingAt, type TopicEnds, type UntilOffsets } from '../../operate/index.js'
import { TopicIndex } from '../../policy/topics.js'

export interface Written {
  /** The offsets that the file has for each topic now. */
  readonly topics: Readonly<Record<string, UntilOffsets>>
  /** False if it had them before. */
  readonly isChanged: boolean
}

/** Ends plaintext where the topics ended when they were read. */
export function writeEnds(file: string, topics: readonly TopicEnds[]): Promise<Written> {
  return write(file, topics, endingAt)
}

/** Accepts all plaintext, in each partition that the topics have. */
export function writeAll(file: string, topics: readonly TopicEnds[]): Promise<Written> {
  return write(file, topics, (_, ends) =>
    Object.fromEntries(Object.keys(ends).map((partition) => [partition, ALL_PLAINTEXT])),
  )
}

async function write(file: string, topics: readonly TopicEnds[], decide: typeof endingAt): Promise<Written> {
  const now: Record<string, UntilOffsets> = {}
  const isChanged = await editConfigFile(file, (config) =>
    topics.flatMap(({ topic, partitions }) => {
      const { path, before } = placeOf(file, config, topic)
      const ends = Object.fromEntries(partitions.map(({ partition, end }) => [partition, end]))
      const until = decide(before, ends)
      now[topic] = { ...before, ...until }
      if (before === undefined) return [{ path, set: { ...until } }]
      return Object.entries(until)
        .filter(([partition, offset]) => before[Number(partition)] !== offset)
        .map(([partition, offset]): Edit => ({ path: [...path, partition], set: offset }))
    }),
  )
  return { topics: now, isChanged }
}

/** Where the file has, or gets, the offsets of a topic. */
function placeOf(
  file: string,
  { policy }: ReadConfig,
  topic: string,
): { readonly path: Edit['path']; readonly before: UntilOffsets | undefined } {
  const rule = new TopicIndex(policy.rules, ({ match }) => match).find(topic)
  if (rule?.decrypt === undefined) throw new Error(`${file}: no rule decrypts topic ${topic}`)
  const before = rule.decrypt.plaintext.untilOffsets.get(topic)
  return {
    path: ['topics', policy.rules.indexOf(rule), 'decrypt', 'plaintext', 'untilOffsets', topic],
    before: before && Object.fromEntries([...before].map(([partition, until]) => [partition, String(until)])),
  }
}
