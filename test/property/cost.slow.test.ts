import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, MAX_DECOMPRESSED_BYTES, type Family } from './adversarial.js'
import type { Measurement } from './measure-cost.js'

const KIB = 1024
const MIB = 1024 * KIB

/*
 * The bound that docs/fuzzing.md states, in what does not hang on the machine. Bytes are those of values, keys and
 * headers.
 */
const STEPS = { perByte: 5, perRecord: 700 }
const ALLOCATED = { perByte: 3, perRecord: KIB, perCompressed: 17 * KIB, perDecompressedByte: 2 }
const KMS_CALLS_PER_RECORD = 2
const KEPT = { perByte: 4, perRecord: 4 * KIB, most: 48 * MIB }

interface Case extends Measurement {
  readonly compressed: boolean
  /** The decompressed size of the batch, as far as a reader decompresses it. */
  readonly decompressed: number
}

function caseOf(name: string, measurement: Measurement): Case {
  const compressed = /gzip|zstd|deflate/.test(name)
  const { ends } = FAMILIES[name] as Family
  const stopped = ends === 'TOO_LARGE' ? measurement.records * MAX_DECOMPRESSED_BYTES : measurement.opened
  return { ...measurement, compressed, decompressed: compressed ? stopped : 0 }
}

describe('no input costs more than a bounded multiple of its length', () => {
  let families: (readonly [name: string, cases: readonly Case[]])[]

  beforeAll(async () => {
    const child = resolve(import.meta.dirname, 'measure-cost.ts')
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', child])
    const measured = JSON.parse(stdout) as Record<string, Measurement[]>
    families = Object.entries(measured).map(([name, list]) => [name, list.map((m) => caseOf(name, m))])
  }, 240_000)

  /** The families that cost more than `most` of `what`, with figures. */
  const over = (what: keyof Measurement, most: (one: Case) => number): string[] =>
    families.flatMap(([name, cases]) =>
      cases.flatMap((one) =>
        Number(one[what]) <= most(one) ? [] : [`${name}: ${String(one[what])} over ${String(most(one))}`],
      ),
    )

  it('every family of inputs has its expected result, at all sizes', () => {
    expect(families.length).toBeGreaterThan(20)
    for (const [name, cases] of families)
      for (const { ends } of cases) expect([name, ...ends]).toEqual([name, (FAMILIES[name] as Family).ends])
  })

  it('no input costs more than a bounded multiple of its length in steps of the library', () => {
    expect(over('steps', ({ bytes, records }) => STEPS.perByte * bytes + STEPS.perRecord * records)).toEqual(
      [],
    )
  })

  it('no input costs more than a bounded multiple of its length in allocated bytes, by the library and the decoders of the runtime', () => {
    const most = ({ bytes, records, compressed, decompressed }: Case): number =>
      ALLOCATED.perByte * bytes +
      (compressed ? ALLOCATED.perCompressed : ALLOCATED.perRecord) * records +
      ALLOCATED.perDecompressedByte * decompressed
    expect(over('allocated', most)).toEqual([])
  })

  it('an input of twice the length, including its decompressed size, costs at most twice as much', () => {
    // V8 counts the same work a little differently from time to time.
    const TOLERANCE = 1.15
    const worse = families.flatMap(([name, cases]) =>
      cases.slice(1).flatMap((after, i) => {
        const before = cases[i] as Case
        const growth = (size: (one: Case) => number): number => size(after) / size(before)
        return [
          { what: 'steps', more: growth((one) => one.steps), length: growth((one) => one.bytes) },
          {
            what: 'bytes asked for',
            more: after.allocated / Math.max(before.allocated, 1),
            length: growth((one) => one.bytes + one.decompressed),
          },
        ]
          .filter(({ more, length }) => more > TOLERANCE * length)
          .map(({ what, more, length }) => `${name}: ${String(more)} times the ${what} for ${String(length)}`)
      }),
    )
    expect(worse).toEqual([])
  })

  it('no input costs more than a bounded multiple of its length in calls to a KMS', () => {
    expect(over('kmsCalls', ({ records }) => KMS_CALLS_PER_RECORD * records)).toEqual([])
  })

  it('no input costs more than a bounded multiple of its length in memory that opened values keep alive beyond their own bytes', () => {
    expect(over('slack', ({ opened }) => opened)).toEqual([])
  })

  it('no input costs more than a bounded multiple of its length in memory that stays when the values are gone', () => {
    // A batch that leaves nothing still leaves some noise of the heap.
    const most = ({ bytes, records }: Case): number =>
      Math.min(KEPT.perByte * bytes + KEPT.perRecord * records, KEPT.most) + MIB
    expect(over('kept', most)).toEqual([])
  })
})
