import type { Turn, Turns } from './rounds.js'
import type { LoopDelay } from './watch.js'
import { spreadOf, type Spread } from './spread.js'

/** What a run of the benchmarks leaves: `bench/results/*.json`. */
export interface Result {
  readonly machine: Machine
  readonly cases: readonly Case[]
}

export interface Machine {
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly commit: string
  /** Whether the working tree had changes that are not in the commit. */
  readonly hasChanges: boolean
  readonly node: string
  readonly openssl: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  /** Load averages of the machine at start: over 1, 5 and 15 minutes. */
  readonly load: readonly number[]
}

/** Contenders that did the same work side by side. */
export interface Case {
  readonly part: string
  readonly name: string
  readonly parameters: Readonly<Record<string, number>>
  /** How many rounds the figures are spread over. */
  readonly rounds: number
  readonly figures: readonly Figure[]
}

/** The case of this name whose parameters include these. */
export function findCase(
  cases: readonly Case[],
  wanted: Pick<Case, 'part' | 'name' | 'parameters'>,
): Case | undefined {
  return cases.find(
    ({ part, name, parameters }) =>
      part === wanted.part &&
      name === wanted.name &&
      Object.entries(wanted.parameters).every(([key, value]) => parameters[key] === value),
  )
}

/**
 * Cases that were measured in several processes, as one each. A contender that was in all of them keeps the figures of the
 * first.
 */
export function merged(cases: readonly Case[]): Case[] {
  const done: Case[] = []
  for (const one of cases) {
    const at = done.findIndex((other) => findCase([other], one) !== undefined)
    const known = done[at]
    if (known === undefined) done.push(one)
    else {
      const contenders = new Set(known.figures.map(({ contender }) => contender))
      const others = one.figures.filter(({ contender }) => !contenders.has(contender))
      done[at] = {
        ...known,
        rounds: Math.min(known.rounds, one.rounds),
        figures: [...known.figures, ...others],
      }
    }
  }
  return done
}

export interface Figure extends Spread {
  readonly contender: string
  readonly metric: Metric
  /** The contender that it is compared with. */
  readonly against?: string
}

export type Metric =
  | 'recordsPerSecond'
  | 'cpuMicrosecondsPerRecord'
  /** How many times as many records per second as `against`. */
  | 'speedRatio'
  /** How many times as many records per second of CPU time as `against`. */
  | 'cpuRatio'
  /** CPU time per record, in times that of `against`. */
  | 'cpuTimes'
  /** CPU time per record beyond that of `against`, in units of what the floor takes for its operation. */
  | 'cpuAddedInFloorOperations'
  | 'sendMillisecondsMedian'
  | 'sendMillisecondsP99'
  | 'sendMillisecondsSlowest'
  /** Of one `send` beyond that of `against`. */
  | 'sendMillisecondsP99Added'
  | 'eventLoopDelayMillisecondsP99'
  | 'longestBlockMilliseconds'
  | 'heartbeats'
  | 'longestTimeWithoutHeartbeatMilliseconds'
  | 'kmsCalls'
  | 'sendsThatWaitedForADek'
  | 'seconds'
  /** On the heap and in buffers, after a collection of garbage, beyond what was in use before. */
  | 'bytesInUse'
  /** Of the process. */
  | 'bytesResident'
  /** Of one value, with the calls to the KMS that it needs. */
  | 'encryptMilliseconds'
  | 'decryptMilliseconds'
  | 'kmsCallsToEncrypt'
  | 'kmsCallsToDecrypt'
  /** Of one value, encrypted. */
  | 'storedBytes'
  /** In the log of the broker. */
  | 'bytesPerRecord'
  /** How many times as many bytes in the log as `against`. */
  | 'sizeRatio'

/**
 * Throughput and CPU of each contender, and its ratios to the baselines. A baseline is compared with those before it in
 * the list.
 */
export function figuresOf(turns: Turns, baselines: readonly string[]): Figure[] {
  return [...turns].flatMap(([contender, own]) => {
    const place = baselines.indexOf(contender)
    return [
      figureOver(
        contender,
        'recordsPerSecond',
        own.map((turn) => 1000 / msOf(turn)),
      ),
      figureOver(
        contender,
        'cpuMicrosecondsPerRecord',
        own.map((turn) => 1000 * cpuOf(turn)),
      ),
      ...(place === -1 ? baselines : baselines.slice(0, place)).flatMap((against) => [
        ratio(turns, { contender, against }, 'speedRatio', msOf),
        ratio(turns, { contender, against }, 'cpuRatio', cpuOf),
      ]),
    ]
  })
}

function ratio(
  turns: Turns,
  { contender, against }: { contender: string; against: string },
  metric: Metric,
  cost: (turn: Turn) => number,
): Figure {
  const spread = paired(turns, [against, contender], (theirs, own) => cost(theirs) / cost(own))
  return { contender, against, metric, ...spread }
}

/** How many rounds there were. */
export function roundsOf(turns: Turns): number {
  return Math.min(...[...turns.values()].map(({ length }) => length))
}

/** The turns of the others. */
export function without(turns: Turns, name: string): Turns {
  return new Map([...turns].filter(([contender]) => contender !== name))
}

/** What the contender shows in each round. */
export function figureOver(contender: string, metric: Metric, numbers: readonly number[]): Figure {
  return { contender, metric, ...spreadOf(numbers) }
}

/** How late the event loop was in each turn. */
export function loopFigures(contender: string, delays: readonly LoopDelay[]): Figure[] {
  return [
    figureOver(
      contender,
      'eventLoopDelayMillisecondsP99',
      delays.map(({ p99 }) => p99),
    ),
    figureOver(
      contender,
      'longestBlockMilliseconds',
      delays.map(({ longest }) => longest),
    ),
  ]
}

/** How many times the CPU time of `against` a record takes. */
export function cpuTimes(turns: Turns, names: { contender: string; against: string }): Figure {
  const { contender, against } = names
  const spread = paired(turns, [contender, against], (own, theirs) => cpuOf(own) / cpuOf(theirs))
  return { contender, against, metric: 'cpuTimes', ...spread }
}

/** CPU time that `contender` takes beyond `against`, in operations of `floor`. */
export function cpuAdded(turns: Turns, names: { contender: string; against: string; floor: string }): Figure {
  const { contender, against, floor } = names
  const spread = paired(turns, [contender, against, floor], (a, b, f) => (cpuOf(a) - cpuOf(b)) / cpuOf(f))
  return { contender, against, metric: 'cpuAddedInFloorOperations', ...spread }
}

/** Spreads what `combine` makes of the turns that contenders had in the same round. */
function paired<const Names extends readonly string[]>(
  turns: Turns,
  names: Names,
  combine: (...turns: { [N in keyof Names]: Turn }) => number,
): Spread {
  const columns = names.map((name) => turns.get(name) ?? [])
  const rounds = columns[0]?.map((_, round) => columns.map((column) => column[round])) ?? []
  return spreadOf(rounds.map((round) => combine(...(round as { [N in keyof Names]: Turn }))))
}

function msOf({ ms, records }: Turn): number {
  return ms / records
}

function cpuOf({ cpuMs, records }: Turn): number {
  return cpuMs / records
}
