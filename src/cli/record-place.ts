import type { RecordPlace } from '../operate/index.js'

const PLACE = /^([A-Za-z0-9._-]{1,249}):([0-9]{1,10}):([0-9]{1,19})$/

/** The record that `TOPIC:PARTITION:OFFSET` names; undefined for any other text, such as a path with a slash in it. */
export function placeOf(text: string): RecordPlace | undefined {
  const [, topic, partition, offset] = PLACE.exec(text) ?? []
  return topic === undefined || partition === undefined || offset === undefined
    ? undefined
    : { topic, partition: Number(partition), offset: BigInt(offset) }
}
