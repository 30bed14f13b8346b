/** A new DEK every few records, so that producers and consumers notice an outage at once. */
export const MANY_DEKS = { rotate: { maxMessages: 20, allowFrequentRotation: true } } as const

/** For schedules in which the library's limits of calls are not what is tried. */
export const NO_QUOTA = {
  kmsRateLimit: {
    sealing: { perSecond: 10_000, burst: 100_000 },
    opening: { perSecond: 10_000, burst: 100_000 },
  },
} as const

/** The broker's default of `group.min.session.timeout.ms`: after that time it gives away a killed consumer's partitions. */
export const SHORTEST_SESSION_MS = 6000

/** Others go on "within seconds", on a busy machine too. */
export const SECONDS_MS = 10_000
