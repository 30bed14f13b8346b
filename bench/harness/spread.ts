/** The middle of some numbers, and how far apart they are: half of them lie between the quartiles. */
export interface Spread {
  readonly median: number
  readonly lowerQuartile: number
  readonly upperQuartile: number
}

/** Medians and quartiles, because one disturbed round moves a mean but not these. */
export function spreadOf(numbers: readonly number[]): Spread {
  return {
    median: quantile(numbers, 0.5),
    lowerQuartile: quantile(numbers, 0.25),
    upperQuartile: quantile(numbers, 0.75),
  }
}

/** @param share 0.99 for the 99th percentile; interpolates between neighbours */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const below = Math.floor(position)
  const [low, high] = [sorted[below], sorted[Math.ceil(position)]]
  if (low === undefined || high === undefined) throw new Error('there are no numbers')
  return low + (high - low) * (position - below)
}
