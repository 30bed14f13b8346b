import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from '../harness/result.js'
import type { EncryptionConfig, Kms, RenewedEncryptRule } from '../../src/index.js'
import type { OpenedRecord } from '../../src/record/index.js'
import { memoryKms } from '../../src/kms/memory/index.js'

/** What a part is asked for. */
export interface Plan {
  /** Only what the floors need, in two minutes for all parts together. */
  readonly quick: boolean
}

/**
 * What a process of its own measures: as an application has one handler and values of one size, so that code that V8
 * compiled for others, and their objects, do not count.
 */
export interface Run {
  /** Tells it from the other runs of its part. */
  readonly name: string
  /**
   * Whether each engine is measured in a process of its own, as an application has one: calls that lead to two engines are
   * slower.
   */
  readonly perEngine?: true
  measure(): Promise<readonly Case[]>
}

export const KIB = 2 ** 10
export const MIB = 2 ** 20

/** As `localKms`, without the file: what it answers is cached, so it is not what is measured. */
export function newKms(): Kms {
  return memoryKms({ cmks: ['bench'] })
}

/** A KMS that answers after `ms`. */
export function slow(kms: Kms, ms: number): Kms {
  return {
    ...kms,
    generateDek: (call) => sleep(ms).then(() => kms.generateDek(call)),
    unwrapDek: (call) => sleep(ms).then(() => kms.unwrapDek(call)),
  }
}

/** Every topic is sealed and opened under one CMK; `encrypt` changes the rule, `others` the rest. */
export function configFor(
  kms: Kms,
  encrypt: Partial<Omit<RenewedEncryptRule, 'cmk'>> = {},
  others: Partial<EncryptionConfig> = {},
): EncryptionConfig {
  return {
    kms: { bench: kms },
    cmks: { bench: [{ kms: 'bench', id: 'bench' }] },
    topics: [{ name: 'all', match: ['*'], encrypt: { cmk: 'bench', ...encrypt }, decrypt: { cmk: 'bench' } }],
    ...others,
  }
}

/** For parts in which it is not the quota of a service that is measured. */
export const NO_QUOTA: Partial<EncryptionConfig> = {
  kmsRateLimit: {
    sealing: { perSecond: 10_000, burst: 100_000 },
    opening: { perSecond: 10_000, burst: 100_000 },
  },
}

/** Different values of one size, which do not compress. */
export function randomValues(count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, () => randomBytes(bytes))
}

/** Records as applications send them: with a short key. */
export function recordsOf(
  topic: string,
  values: readonly Buffer[],
): { topic: string; key: string; value: Buffer }[] {
  return values.map((value, i) => ({ topic, key: `key-${String(i)}`, value }))
}

/** A benchmark of failures would be fast. */
export function checkOpened(records: readonly OpenedRecord[]): void {
  if (records.some(({ error }) => error !== undefined)) throw new Error('a record did not open')
}
