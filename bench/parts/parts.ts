import type { Case } from '../harness/result.js'
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
import type { Plan } from './setup.js'

export interface Part {
  readonly needsBroker: boolean
  /** `quick`: also in a short form, with `--quick`. `asked`: only if it is named. */
  readonly when: 'quick' | 'full' | 'asked'
  readonly run: (plan: Plan) => AsyncIterable<Case>
}

/** In the order in which they run, each in a process of its own. */
export const PARTS: Readonly<Record<string, Part>> = {
  micro: { needsBroker: false, when: 'quick', run: micro },
  compression: { needsBroker: false, when: 'quick', run: compression },
  sendAlone: { needsBroker: false, when: 'quick', run: sendAlone },
  send: { needsBroker: true, when: 'quick', run: send },
  consume: { needsBroker: true, when: 'quick', run: consume },
  largeBatch: { needsBroker: true, when: 'quick', run: largeBatch },
  size: { needsBroker: true, when: 'quick', run: size },
  keys: { needsBroker: true, when: 'full', run: keys },
  secrets: { needsBroker: false, when: 'full', run: secrets },
  growth: { needsBroker: false, when: 'full', run: growth },
  peers: { needsBroker: false, when: 'asked', run: peers },
}
