import type { Machine } from '../../bench/harness/result.js'
import type { Outcome } from './run.js'

/** What a run leaves: `faults/results/*.json`. The counts have the names by which `.ci/run` counts tests. */
export interface Report {
  readonly machine: Machine
  readonly seed: number
  readonly isLong: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly outcomes: readonly Outcome[]
}

/** Each schedule counts as one test. */
export function reportOf(run: Pick<Report, 'machine' | 'seed' | 'isLong' | 'outcomes'>): Report {
  const outcomes = run.outcomes.toSorted((a, b) => a.name.localeCompare(b.name))
  const failed = outcomes.filter(({ faults }) => faults.length > 0).length
  return { ...run, outcomes, numPassedTests: outcomes.length - failed, numFailedTests: failed }
}
