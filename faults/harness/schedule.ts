import type { MayDouble } from './accounts.js'
import type { Stage } from './stage.js'

/** One course of faults, under load. A file of `faults/schedules/` exports a list of them by default. */
export interface Schedule {
  /** For `--only`: words with hyphens. */
  readonly name: string
  /** A sentence for the table in docs/faults.md. */
  readonly what: string
  /** Absent if nothing may come twice. */
  readonly mayDouble?: MayDouble
  /** Only in the long form. */
  readonly isLong?: true
  /** It breaks its broker or the network, so that it has a broker of its own: `stage.breakable`. */
  readonly breaksBroker?: true
  /**
   * Starts processes on the stage, lets things break, and mends them. Afterwards every record is accounted for.
   * @throws Error if the library did not behave as promised
   */
  run(stage: Stage): Promise<void>
}
