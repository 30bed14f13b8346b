/** Plaintext is accepted before these offsets: the largest that Kafka knows. */
export const ALL_PLAINTEXT = '9223372036854775807'

/** For each partition, the first offset at which plaintext is an error. */
export type UntilOffsets = Readonly<Record<number, string>>

/** Whether plaintext has ended in a partition: what is written there from now on must be sealed. */
export function hasEnded(until: string | bigint | null | undefined, end: string): boolean {
  return until != null && BigInt(until) <= BigInt(end)
}

/**
 * The offsets with which plaintext ends. Where it has ended before, it stays as it is: a later offset would let through
 * what has been refused so far. For the same reason, a partition that the rule leaves out stays out, unless the rule has no
 * partition of the topic.
 * @param before what the rule says now
 * @param ends the end of each partition
 */
export function endingAt(before: UntilOffsets | undefined, ends: UntilOffsets): UntilOffsets {
  const isFirst = before === undefined || Object.keys(before).length === 0
  return Object.fromEntries(
    Object.entries(ends).flatMap(([partition, end]) => {
      const until = before?.[Number(partition)]
      if (until === undefined) return isFirst ? [[partition, end]] : []
      return [[partition, hasEnded(until, end) ? until : end]]
    }),
  )
}
