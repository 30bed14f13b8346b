import { findCase, type Case, type Figure, type Metric } from './harness/result.js'
import { ENGINES } from './parts/engines.js'
import { listed, rounded } from './table.js'

/** A figure that must not get worse. */
export interface Floor {
  /** The case: its part and name, and the parameters that tell it from others. */
  readonly part: string
  readonly name: string
  readonly parameters: Readonly<Record<string, number>>
  readonly metric: Metric
  readonly against?: string
  /** Whether more is better. */
  readonly better: 'more' | 'less'
  /** What holds now, and what we work towards. */
  readonly limits: Readonly<Record<'node' | 'native', { readonly floor: number; readonly target: number }>>
}

const SMALL = { valueBytes: 1024 }
const LARGE = { valueBytes: 102_400 }
const LONG_DICTIONARY = { dictionaryBytes: 32_506 }
const ORDERS = 'JSON orders: dictionary, sealed, gzip over the batch'
const timesFloor = { metric: 'speedRatio', against: 'floor', better: 'more' } as const
const timesPlain = { metric: 'speedRatio', against: 'plainAtSealedSize', better: 'more' } as const
const bytesTimesPlain = { metric: 'sizeRatio', against: 'plain', better: 'less' } as const
const timesGzip = { metric: 'cpuTimes', against: 'gzip', better: 'less' } as const
const added = { metric: 'cpuAddedInFloorOperations', against: 'plainAtSealedSize', better: 'less' } as const

/** Raise a floor when its path gets faster. */
// prettier-ignore
export const FLOORS: readonly Floor[] = [
  { part: 'micro', name: 'seal', parameters: SMALL, ...timesFloor, limits: { node: { floor: 1.2, target: 1.4 }, native: { floor: 4.8, target: 6 } } },
  { part: 'micro', name: 'open', parameters: SMALL, ...timesFloor, limits: { node: { floor: 0.8, target: 0.95 }, native: { floor: 3, target: 4 } } },
  { part: 'micro', name: 'seal', parameters: LARGE, ...timesFloor, limits: { node: { floor: 0.7, target: 1 }, native: { floor: 1.2, target: 1.8 } } },
  { part: 'micro', name: 'open', parameters: LARGE, ...timesFloor, limits: { node: { floor: 0.9, target: 1 }, native: { floor: 1, target: 1.4 } } },
  { part: 'compression', name: 'JSON orders: compress', parameters: LONG_DICTIONARY, ...timesGzip, limits: { node: { floor: 2.5, target: 2.5 }, native: { floor: 0.9, target: 0.7 } } },
  { part: 'compression', name: 'JSON orders: decompress', parameters: LONG_DICTIONARY, ...timesGzip, limits: { node: { floor: 2, target: 1 }, native: { floor: 0.7, target: 0.5 } } },
  { part: 'compression', name: 'small JSON events: compress', parameters: LONG_DICTIONARY, ...timesGzip, limits: { node: { floor: 3.2, target: 2.5 }, native: { floor: 0.95, target: 0.7 } } },
  { part: 'compression', name: 'small JSON events: decompress', parameters: LONG_DICTIONARY, ...timesGzip, limits: { node: { floor: 2, target: 1 }, native: { floor: 0.7, target: 0.5 } } },
  { part: 'endToEnd', name: 'send', parameters: { ...SMALL, batch: 500 }, ...timesPlain, limits: { node: { floor: 0.65, target: 0.75 }, native: { floor: 0.75, target: 0.92 } } },
  { part: 'endToEnd', name: 'eachBatch', parameters: SMALL, ...timesPlain, limits: { node: { floor: 0.28, target: 0.45 }, native: { floor: 0.45, target: 0.78 } } },
  { part: 'endToEnd', name: 'eachMessage', parameters: SMALL, ...timesPlain, limits: { node: { floor: 0.28, target: 0.48 }, native: { floor: 0.45, target: 0.78 } } },
  { part: 'endToEnd', name: 'send', parameters: { ...SMALL, batch: 500 }, ...added, limits: { node: { floor: 1.3, target: 0.9 }, native: { floor: 0.5, target: 0.15 } } },
  { part: 'endToEnd', name: 'eachBatch', parameters: SMALL, ...added, limits: { node: { floor: 1.8, target: 1.1 }, native: { floor: 0.8, target: 0.2 } } },
  { part: 'endToEnd', name: 'eachMessage', parameters: SMALL, ...added, limits: { node: { floor: 3, target: 1.2 }, native: { floor: 1.6, target: 0.3 } } },
  { part: 'sendAlone', name: 'one send without a broker', parameters: SMALL, metric: 'sendMillisecondsP99Added', against: 'plain', better: 'less', limits: { node: { floor: 0.1, target: 0.1 }, native: { floor: 0.1, target: 0.05 } } },
  { part: 'largeBatch', name: 'sealRecords', parameters: SMALL, metric: 'longestBlockMilliseconds', better: 'less', limits: { node: { floor: 120, target: 50 }, native: { floor: 120, target: 50 } } },
  { part: 'largeBatch', name: 'openRecords', parameters: SMALL, metric: 'longestBlockMilliseconds', better: 'less', limits: { node: { floor: 150, target: 50 }, native: { floor: 100, target: 50 } } },
  { part: 'size', name: ORDERS, parameters: { batch: 1 }, ...bytesTimesPlain, limits: { node: { floor: 1.4, target: 1.1 }, native: { floor: 1.4, target: 1.1 } } },
  { part: 'size', name: ORDERS, parameters: { batch: 20 }, ...bytesTimesPlain, limits: { node: { floor: 1.6, target: 1.2 }, native: { floor: 1.6, target: 1.2 } } },
  { part: 'size', name: ORDERS, parameters: { batch: 100 }, ...bytesTimesPlain, limits: { node: { floor: 1.6, target: 1.4 }, native: { floor: 1.6, target: 1.4 } } },
  { part: 'size', name: ORDERS, parameters: { batch: 500 }, ...bytesTimesPlain, limits: { node: { floor: 1.6, target: 1.4 }, native: { floor: 1.6, target: 1.4 } } },
]

/** The figures that are worse than their floor by more than their spread: in three of four rounds. */
export function judge(cases: readonly Case[]): string[] {
  return FLOORS.flatMap((floor) => {
    const found = findCase(cases, floor)
    return found === undefined ? [] : ENGINES.flatMap((engine) => judgeOne(floor, engine, found))
  })
}

function judgeOne(
  floor: Floor,
  engine: keyof Floor['limits'],
  { name, parameters, figures }: Case,
): string[] {
  const figure = figures.find(
    ({ contender, metric, against }) =>
      contender === engine && metric === floor.metric && against === floor.against,
  )
  const what = `${name} (${listed(parameters)}), engine ${engine}, ${floor.metric}`
  // A floor without a figure would hold for ever.
  if (figure === undefined) return [`${what}: it was not measured`]
  const limit = floor.limits[engine].floor
  return isWorse(figure, floor.better, limit)
    ? [`${what}: ${rounded(figure.median)}, floor ${rounded(limit)}`]
    : []
}

function isWorse({ lowerQuartile, upperQuartile }: Figure, better: Floor['better'], limit: number): boolean {
  return better === 'more' ? upperQuartile < limit : lowerQuartile > limit
}
