import type { EngineName, Waiting } from './events.js'
import type { KeyLookups, OpeningKeys } from './keys/opening/opening-keys.js'
import type { DekRotations } from './keys/sealing/dek-rotations.js'
import type { SealingState } from './keys/sealing/sealing-state.js'
import type { CmkUse } from './record/cmk-uses.js'
import type { OverrideState, RecordOverride } from './record/overrides.js'
import type { ActiveConsumer, ConsumerStopped } from './record/internals.js'

/** The state of an encryption and of what it owns. */
export interface Health {
  /**
   * `failed` while a consumer is stopped permanently; `degraded` while a DEK seals past a limit because the KMS fails
   * transiently or lacks a CMK, while the last attempt to get a DEK has failed, or while a consumer waits; `closed` after `close()`.
   */
  readonly status: 'ok' | 'degraded' | 'failed' | 'closed'
  /** What seals and opens: `native` if `kafka-envelope-native` is installed, else `node` (`node:crypto`). */
  readonly engine: EngineName
  readonly sealingKeys: readonly SealingState[]
  /** The number of cached DEKs of readers. */
  readonly openedDeks: number
  /** How often readers found the key that they needed in the cache. */
  readonly keyLookups: KeyLookups
  /** The CMKs that rules name, whether used yet or not. */
  readonly cmks: readonly CmkUse[]
  /** The overrides of the configuration, whether used or not, until they are removed from it. */
  readonly overrides: readonly OverrideState[]
  /** Consumers that stopped permanently and were neither run again nor disconnected. */
  readonly stopped: readonly ConsumerStopped[]
  /** Records that hold up consumers, which wait for a KMS or for a dead-letter topic. */
  readonly waiting: readonly Waiting[]
}

/** The parts of an encryption that its health is read from. */
export interface Vitals {
  readonly isClosed: boolean
  readonly engine: EngineName
  readonly sealingKeys: DekRotations
  readonly openingKeys: OpeningKeys
  readonly cmks: readonly CmkUse[]
  readonly overrides: readonly RecordOverride[]
  readonly consumers: ReadonlySet<ActiveConsumer>
}

export function healthOf(vitals: Vitals): Health {
  const { isClosed, engine, sealingKeys, openingKeys, cmks, overrides, consumers } = vitals
  const stopped = [...consumers].flatMap((consumer) => consumer.stopped())
  const waiting = [...consumers].flatMap((consumer) => consumer.waiting())
  const states = sealingKeys.states()
  return {
    status: isClosed
      ? 'closed'
      : stopped.length > 0
        ? 'failed'
        : isDegraded(states, waiting)
          ? 'degraded'
          : 'ok',
    engine,
    sealingKeys: states,
    openedDeks: openingKeys.size,
    keyLookups: openingKeys.lookups,
    cmks,
    overrides: overrides.map(({ state }) => state),
    stopped,
    waiting,
  }
}

function isDegraded(states: readonly SealingState[], waiting: readonly Waiting[]): boolean {
  return (
    waiting.length > 0 ||
    states.some(
      ({ state, failure, missing }) => state === 'grace' || failure !== undefined || missing !== undefined,
    )
  )
}
