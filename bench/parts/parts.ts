import { compression } from './compression.js'
import { consume } from './consume.js'
import { growth } from './growth.js'
import { keys } from './keys.js'
import { largeBatch } from './large-batch.js'
import { micro } from './micro.js'
import { sendAlone } from './send-alone.js'
import { secrets } from './secrets.js'
import { send } from './send.js'
import { size } from './size.js'
import { peers } from './peers.js'
import type { Plan, Run } from './setup.js'

export interface Part {
  readonly needsBroker: boolean
  /** `quick`: also in a short form, with `--quick`. `asked`: only if it is named. */
  readonly when: 'quick' | 'full' | 'asked'
  readonly runs: (plan: Plan) => readonly Run[]
}

/** In the order in which they run. */
export const PARTS: Readonly<Record<string, Part>> = {
  micro: { needsBroker: false, when: 'quick', runs: micro },
  compression: { needsBroker: false, when: 'quick', runs: compression },
  sendAlone: { needsBroker: false, when: 'quick', runs: sendAlone },
  send: { needsBroker: true, when: 'quick', runs: send },
  consume: { needsBroker: true, when: 'quick', runs: consume },
  largeBatch: { needsBroker: true, when: 'quick', runs: largeBatch },
  size: { needsBroker: true, when: 'quick', runs: size },
  keys: { needsBroker: true, when: 'full', runs: keys },
  secrets: { needsBroker: false, when: 'full', runs: secrets },
  growth: { needsBroker: false, when: 'full', runs: growth },
  peers: { needsBroker: false, when: 'asked', runs: peers },
}
