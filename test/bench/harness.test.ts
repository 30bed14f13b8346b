import { describe, expect, it } from 'vitest'
import { cpuAdded, figureOver, figuresOf, merged, type Case } from '../../bench/harness/result.js'
import { compare, type Contender, type Turn } from '../../bench/harness/rounds.js'
import { quantile, spreadOf } from '../../bench/harness/spread.js'

/** A machine that gets slower with each turn; a contender's turn costs `factor` times what the machine needs. */
function driftingMachine(): (name: string, factor: number) => Contender {
  let pace = 1
  return (name, factor) => ({
    name,
    turn: () => {
      const ms = (pace *= 1.001) * factor
      return Promise.resolve({ records: 10, ms, cpuMs: ms / 2 })
    },
  })
}

describe('the spread of numbers', () => {
  it('a quantile between two numbers is interpolated', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
    expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9)
  })

  it('one disturbed round moves neither the median nor the quartiles', () => {
    expect(spreadOf([1, 1, 1, 1, 1000])).toEqual({ median: 1, lowerQuartile: 1, upperQuartile: 1 })
  })

  it('an empty list has no quantile', () => {
    expect(() => quantile([], 0.5)).toThrow('there are no numbers')
  })
})

describe('a comparison', () => {
  it('the ratio of two contenders is right on a machine whose speed drifts', async () => {
    const contender = driftingMachine()
    const turns = await compare([contender('plain', 1), contender('twice', 2)], { rounds: 50 })
    const ratio = figuresOf(turns, ['plain']).find(({ metric }) => metric === 'speedRatio')
    expect(ratio).toMatchObject({ contender: 'twice', against: 'plain' })
    expect(ratio?.median).toBeCloseTo(0.5, 2)
  })

  it('each contender has as many turns in each round, in an order that changes', async () => {
    const order: string[] = []
    const counted = (name: string): Contender => ({
      name,
      turn: () => {
        order.push(name)
        return Promise.resolve({ records: 1, ms: 1, cpuMs: 1 })
      },
    })
    const turns = await compare([counted('a'), counted('b')], { rounds: 40, turns: 2 })
    expect(turns.get('a')).toHaveLength(40)
    expect(turns.get('a')?.[0]).toEqual({ records: 2, ms: 2, cpuMs: 2 } satisfies Turn)
    const pairs = Array.from({ length: order.length / 2 }, (_, i) => order.slice(2 * i, 2 * i + 2).join(''))
    expect(new Set(pairs)).toEqual(new Set(['ab', 'ba']))
  })

  it('CPU added is what a contender needs beyond another, in operations of the floor', async () => {
    const contender = driftingMachine()
    const all = [contender('floor', 2), contender('plain', 3), contender('wrapped', 9)]
    const turns = await compare(all, { rounds: 50 })
    const added = cpuAdded(turns, { contender: 'wrapped', against: 'plain', floor: 'floor' })
    expect(added.median).toBeCloseTo(3, 1)
  })

  it('two contenders of one name are refused', async () => {
    const contender = driftingMachine()
    await expect(compare([contender('a', 1), contender('a', 1)], { rounds: 1 })).rejects.toThrow('same name')
  })
})

describe('cases that were measured in several processes', () => {
  const caseOf = (valueBytes: number, rounds: number, figures: Record<string, number>): Case => ({
    part: 'micro',
    name: 'seal',
    parameters: { valueBytes, batch: 500 },
    rounds,
    figures: Object.entries(figures).map(([contender, number]) =>
      figureOver(contender, 'recordsPerSecond', [number]),
    ),
  })

  it('those of one name and the same parameters become one, and others stay apart', () => {
    const cases = [
      caseOf(1024, 20, { floor: 1, node: 2 }),
      caseOf(1024, 15, { floor: 3, native: 4 }),
      caseOf(100, 20, { floor: 5, node: 6 }),
    ]
    expect(merged(cases)).toEqual([
      caseOf(1024, 15, { floor: 1, node: 2, native: 4 }),
      caseOf(100, 20, { floor: 5, node: 6 }),
    ])
  })
})
