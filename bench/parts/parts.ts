import type { Case } from '../harness/result.js'
import { consume } from './consume.js'
import { growth } from './growth.js'
import { keys } from './keys.js'
import { largeBatch } from './large-batch.js'
import { micro } from './micro.js'
import { sendAlone } from './send-alone.js'
import { send } from './send.js'
import type { Plan } from './setup.js'

export interface Part {
  readonly needsBroker: boolean
  /** Whether `--quick` runs it, in a short form. */
  readonly isQuick: boolean
  readonly run: (plan: Plan) => AsyncIterable<Case>
}

/** In the order in which they run, each in a process of its own. */
export const PARTS: Readonly<Record<string, Part>> = {
  micro: { needsBroker: false, isQuick: true, run: micro },
  sendAlone: { needsBroker: false, isQuick: true, run: sendAlone },
  send: { needsBroker: true, isQuick: true, run: send },
  consume: { needsBroker: true, isQuick: true, run: consume },
  largeBatch: { needsBroker: true, isQuick: true, run: largeBatch },
  keys: { needsBroker: true, isQuick: false, run: keys },
  growth: { needsBroker: false, isQuick: false, run: growth },
}
