/** A new DEK every few records, so that producers and consumers notice an outage at once. */
export const MANY_DEKS = { rotate: { maxMessages: 20, allowFrequentRotation: true } } as const
