import { isEnvelopeError } from '../../errors.js'
import type { Cmk } from '../../kms/cmk.js'
import { ageMeter, type Clock } from '../../clock.js'
import { OWN_BUDGET } from '../sealing/dek-fetch.js'

/** How long a CMK whose KMS failed transiently is asked after the others: longer each time, until it answers. */
const FIRST_AWAY_MS = 30_000
const MAX_AWAY_MS = 300_000

/** Remembers the CMKs whose KMS failed transiently: one KMS may serve several regions, of which one is away. */
export class CmkOutages {
  readonly #clock: Clock
  readonly #away = new Map<string, { readonly sinceMs: () => number; readonly forMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the CMK is asked last now. */
  has(cmk: Cmk): boolean {
    const away = this.#away.get(nameOf(cmk))
    return away !== undefined && away.sinceMs() < away.forMs
  }

  failed(cmk: Cmk, error: unknown): void {
    if (!isEnvelopeError(error) || error.kind !== 'transient' || error.code === OWN_BUDGET) return
    // Concurrent failures are one.
    if (this.has(cmk)) return
    const before = this.#away.get(nameOf(cmk))
    const forMs = before === undefined ? FIRST_AWAY_MS : Math.min(before.forMs * 2, MAX_AWAY_MS)
    this.#away.set(nameOf(cmk), { sinceMs: ageMeter(this.#clock), forMs })
  }

  answered(cmk: Cmk): void {
    this.#away.delete(nameOf(cmk))
  }
}

function nameOf({ kmsName, id }: Cmk): string {
  return `${kmsName} ${id}`
}
