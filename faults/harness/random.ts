/** Choices that a seed repeats. */
export interface Random {
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number
  pick<T>(choices: readonly T[]): T
  /** The same choices in another order. */
  shuffled<T>(choices: readonly T[]): T[]
  /** Whether something with this probability happens. */
  chance(probability: number): boolean
}

const RANGE = 2 ** 32

/** A schedule draws from the seed of the run and its own name, so that it draws the same when it runs alone. */
export function randomOf(seed: number, name: string): Random {
  let state = seed >>> 0
  for (const letter of name) state = mixed(state ^ (letter.codePointAt(0) ?? 0))
  // mulberry32: short and repeatable. Nothing here is secret.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    return mixed(state) / RANGE
  }
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  return {
    int,
    pick: <T>(choices: readonly T[]): T => choices[int(0, choices.length - 1)] as T,
    shuffled: <T>(choices: readonly T[]): T[] => {
      const rest = [...choices]
      return choices.flatMap(() => rest.splice(int(0, rest.length - 1), 1))
    },
    chance: (probability) => next() < probability,
  }
}

function mixed(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1)
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
  return (bits ^ (bits >>> 14)) >>> 0
}
