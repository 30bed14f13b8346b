/** Chance that repeats: the same seed, the same data. */
export interface Chance {
  /** From 0 up to, but without, `end`. */
  readonly below: (end: number) => number
  readonly pick: <T>(from: readonly T[]) => T
  readonly hex: (digits: number) => string
}

/** Mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed
  const below = (end: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end)
  }
  return {
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    hex: (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join(''),
  }
}
