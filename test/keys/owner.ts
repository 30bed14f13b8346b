import { compose } from '../../src/encryption.js'
import type { EncryptRule, Encryption, EncryptionConfig } from '../../src/index.js'
import { checkConfig } from '../../src/config/check.js'
import { CANARY } from '../support/emissions.js'
import { watch, type SeenEvent } from '../support/encryption.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryKms, type HeldCall } from '../support/memory-kms.js'
import { sealRecords } from '../../src/record/index.js'

/** An owner with one rule for topics `t` and `u`, on a clock and a KMS that the test drives. */
export interface Owner {
  readonly encryption: Encryption
  readonly kms: MemoryKms
  readonly clock: FakeClock
  readonly events: SeenEvent[]
  /** Envelopes of `count` records. */
  seal(count?: number, topic?: string, bytes?: number): Promise<(Buffer | null)[]>
  named<N extends SeenEvent['name']>(name: N): Extract<SeenEvent, { name: N }>[]
}

export interface OwnerOptions {
  readonly encrypt?: Partial<EncryptRule>
  readonly kms?: MemoryKms
  readonly clock?: FakeClock
  readonly config?: Partial<EncryptionConfig>
}

export async function owner(options: OwnerOptions = {}): Promise<Owner> {
  const { kms = new MemoryKms(), clock = new FakeClock() } = options
  const config = checkConfig(
    {
      kms: { memory: kms.client() },
      cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
      topics: [{ match: ['t', 'u'], encrypt: { cmk: 'main', ...options.encrypt }, decrypt: { cmk: 'main' } }],
      // Pauses between attempts would wait for the test to move the clock.
      kmsRetries: 0,
      ...options.config,
    },
    clock,
  )
  const encryption = await compose(config, clock)
  const events = watch(encryption)
  return {
    encryption,
    kms,
    clock,
    events,
    async seal(count = 1, topic = 't', bytes = 0) {
      const records = Array.from({ length: count }, (_, i) => ({
        topic,
        value: `${CANARY} ${String(i)}`.padEnd(bytes),
      }))
      return (await sealRecords(encryption, records)).map(({ value }) => value)
    },
    named: (name) => events.filter((event) => event.name === name) as never,
  }
}

/** Lets promises that are ready run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets every call of a `MemoryKms` answer `latencyMs` of the fake clock after it was made. */
export function answersAfter(
  kms: MemoryKms,
  clock: FakeClock,
  latencyMs: number,
): { step(ms: number): Promise<void> } {
  kms.hold = true
  const since = new Map<HeldCall, number>()
  return {
    async step(ms) {
      await settle()
      for (const call of kms.held) if (!since.has(call)) since.set(call, clock.monotonicMs())
      clock.advance(ms)
      for (const call of [...kms.held]) {
        const made = since.get(call) ?? clock.monotonicMs()
        since.set(call, made)
        if (clock.monotonicMs() - made >= latencyMs) call.succeed()
      }
      await settle()
    },
  }
}
