import type { Clock } from '../../src/clock.js'
import { Cmk } from '../../src/kms/cmk.js'
import type { Kms } from '../../src/kms/kms.js'
import { FakeClock } from './fake-clock.js'

/** A CMK of a KMS that nothing decorates. */
export function cmkOf(kmsName: string, kms: Kms, id: string, clock: Clock = new FakeClock()): Promise<Cmk> {
  return Cmk.describe({ kmsName, kms, id, clock }, new AbortController().signal)
}
