/** A partition of a topic. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

/** Partitions of a topic; without `partitions`, all of them. */
export interface Places {
  readonly topic: string
  readonly partitions?: readonly number[] | undefined
}

/** Whether a list, as a client's `pause` takes it, includes a partition. */
export function includes({ topic, partitions }: Places, place: Place): boolean {
  return topic === place.topic && (partitions === undefined || partitions.includes(place.partition))
}

/** A name for a partition; no two partitions share one. */
export function nameOf({ topic, partition }: Place): string {
  return `${topic}/${String(partition)}`
}
