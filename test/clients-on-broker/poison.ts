import { randomBytes } from 'node:crypto'
import { sealRecords } from '../../src/record/index.js'
import type { Sent } from './client-under-test.js'
import { text, type Stage } from './stage.js'

/** Records that a reader must never deliver, made from a good one as an attacker on the broker could. */
export const POISONS = {
  forged: (sealed: Buffer) => {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1)
    return changed
  },
  truncated: (sealed: Buffer) => sealed.subarray(0, sealed.length - 20),
  plaintext: (_: Buffer, plain: Buffer) => plain,
  /** Sealed for another key, with which `poisoned` makes it. */
  moved: (sealed: Buffer) => sealed,
} as const
export type Poison = keyof typeof POISONS

/** The envelope of a format that this release does not know: another reader may. */
const foreign = (): Buffer => Buffer.concat([Buffer.of(0xc3, 1), randomBytes(8), Buffer.from('later')])

/** Good records of one partition, with a bad one at each of the offsets. Their values are numbered. */
export async function poisoned(
  { elsewhere, topic }: Stage,
  count: number,
  poisons: Readonly<Record<number, Poison | 'foreign'>>,
  partition = 0,
): Promise<Sent[]> {
  const keyOf = (n: number): string => `key ${String(n)}`
  const sealed = await sealRecords(
    elsewhere.near,
    Array.from({ length: count }, (_, n) => ({
      topic,
      key: poisons[n] === 'moved' ? 'another key' : keyOf(n),
      value: text(n),
    })),
  )
  return sealed.map(({ value }, n) => {
    const poison = poisons[n]
    const good = value ?? Buffer.alloc(0)
    const bytes =
      poison === undefined
        ? good
        : poison === 'foreign'
          ? foreign()
          : POISONS[poison](good, Buffer.from(text(n)))
    return { partition, key: keyOf(n), value: bytes }
  })
}
