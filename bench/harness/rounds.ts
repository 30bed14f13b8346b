import { randomInt } from 'node:crypto'

/*
 * Compares ways to do the same work. tinybench, mitata, bench-node and cronometro measure one way to its end, then the
 * next, and know no CPU time. On a machine whose speed changes from second to second, that compares moments. Here the
 * contenders take short turns in random order, a round is the sum of some turns of each, and ratios are taken within
 * the round.
 */

/** One way to do the work. */
export interface Contender {
  readonly name: string
  /** Works for a short while, and says what that took. */
  turn(): Promise<Turn>
}

export interface Turn {
  readonly records: number
  readonly ms: number
  /** CPU time of all threads of this process. */
  readonly cpuMs: number
}

/** The turns of each contender, by its name: as many as there were rounds, in order. */
export type Turns = ReadonlyMap<string, readonly Turn[]>

/** Rounds that count for nothing: code is compiled, caches are filled, `repeated` finds its number of repeats. */
export const WARM_UP_ROUNDS = 3
/** Fewer have no quartiles worth the name. */
const MIN_ROUNDS = 8

export interface Rounds {
  readonly rounds: number
  /** Ends earlier once this time is over, but not before `MIN_ROUNDS`. Default never. */
  readonly maxMs?: number
  /** Turns of each contender in a round. Default 1. */
  readonly turns?: number
}

export async function compare(
  contenders: readonly Contender[],
  { rounds, turns = 1, maxMs = Infinity }: Rounds,
): Promise<Turns> {
  const taken = new Map<string, Turn[]>(contenders.map(({ name }) => [name, []]))
  if (taken.size !== contenders.length) throw new Error('two contenders have the same name')
  const start = performance.now()
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    if (round >= MIN_ROUNDS && performance.now() - start > maxMs) break
    const sums = new Map<string, Turn>()
    for (let i = 0; i < turns; i++) {
      for (const { name, turn } of shuffled(contenders)) {
        // Callbacks that the turn before left are not part of this one.
        await new Promise((resolve) => setImmediate(resolve))
        sums.set(name, sum(sums.get(name), await turn()))
      }
    }
    if (round >= 0) for (const [name, total] of sums) taken.get(name)?.push(total)
  }
  return taken
}

/** What a contender has noted in each turn, without those of the warm-up. */
export function withoutWarmUp<T>(
  noted: readonly T[],
  { turns = 1 }: Pick<Rounds, 'turns'> = {},
): readonly T[] {
  return noted.slice(WARM_UP_ROUNDS * turns)
}

function sum(a: Turn | undefined, b: Turn): Turn {
  if (a === undefined) return b
  return { records: a.records + b.records, ms: a.ms + b.ms, cpuMs: a.cpuMs + b.cpuMs }
}

export function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = randomInt(i + 1)
    ;[order[i], order[j]] = [order[j] as T, order[i] as T]
  }
  return order
}

/** Starts to measure; the function returned says what it took since. */
export function startTurn(): (records: number) => Turn {
  const cpu = process.cpuUsage()
  const start = performance.now()
  return (records) => {
    const ms = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    return { records, ms, cpuMs: (user + system) / 1000 }
  }
}

/** Turns this short share what disturbs them. */
const TURN_MS = 15

/** A contender that repeats `work`, on the same number of records each time, for about 15 ms. */
export function repeated(name: string, records: number, work: () => unknown): Contender {
  let repeats = 1
  return {
    name,
    async turn() {
      const end = startTurn()
      for (let i = 0; i < repeats; i++) await work()
      const turn = end(records * repeats)
      if (turn.ms < TURN_MS / 2) repeats = Math.ceil((repeats * TURN_MS) / turn.ms)
      return turn
    },
  }
}
