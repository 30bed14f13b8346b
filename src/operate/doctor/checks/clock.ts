import type { Facts } from '../facts/facts.js'
import { fine, unchecked, type Outcome } from '../finding.js'
import { CLOCK_CODES } from './kms.js'

/**
 * Providers whose requests are signed with the time of this machine, which the service compares with its own. Those of
 * AWS are, too, but its SDK corrects the time.
 */
const SIGNING: Readonly<Record<string, string>> = { 'tencent-kms': 'Tencent Cloud KMS' }

/** Whether the clock of this machine is right, as far as a KMS shows it. */
export function* clock({ kms }: Facts): Iterable<Outcome> {
  if (kms === undefined) return
  const isRefused = kms.trials.some(({ failure }) => CLOCK_CODES.includes(failure?.kmsCode ?? ''))
  if (isRefused) return
  const service = kms.trials
    .filter(({ failure }) => failure === undefined)
    .map(({ kms: name, cmkId }) => kms.cmks.find((cmk) => cmk.kms === name && cmk.cmkId === cmkId))
    .map((cmk) => SIGNING[cmk?.provider ?? ''])
    .find((name) => name !== undefined)
  yield service === undefined
    ? unchecked(
        'clock',
        'whether the clock of this machine is right: no KMS that answered compares it with its own',
      )
    : fine('clock', `${service} accepts the time of this machine: it is at most five minutes off`)
}
