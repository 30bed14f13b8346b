import { expect, it } from 'vitest'
import type { Sample } from '../../../src/cli/dictionary/sample.js'
import { splitSamples } from '../../../src/cli/dictionary/split-samples.js'

const sample = (text: string, group?: string): Sample => ({ value: Buffer.from(text), group })
const samples = (count: number, bytes = 1): Sample[] =>
  Array.from({ length: count }, (_, i) => sample(String(i).padStart(bytes, '.')))

it('equal samples count once, and none that is learned from is among the unseen', () => {
  const { learned, unseen } = splitSamples([...samples(50), ...samples(50)], 10)
  expect([learned.length, unseen.length]).toEqual([40, 10])
  expect(new Set([...learned, ...unseen].map(String)).size).toBe(50)
  expect(() => splitSamples(new Array<Sample>(100).fill(sample('a')), 2)).toThrow(
    'too few samples for --min-samples 2: of 100, 1 are different; 1 of them, in 1 groups,',
  )
})

it('samples of one group count once for the threshold', () => {
  const grouped = samples(50).map(({ value }, i) => ({ value, group: String(i % 9) }))
  expect(splitSamples(grouped, 9)).toMatchObject({ groupCount: 9 })
  expect(() => splitSamples(grouped, 10)).toThrow('40 of them, in 9 groups, would be learned from')
})

it('a sample without a group is one of its own', () => {
  const { groups, groupCount } = splitSamples([sample('a'), sample('b', 'x'), ...samples(8)], 2)
  expect(groups).toEqual([...groups.keys()])
  expect(groupCount).toBe(8)
})

it('samples are thinned out evenly before they are counted', () => {
  const large = splitSamples(samples(1000, 32_768), 100)
  expect(large.learned.length).toBeGreaterThan(120)
  expect(large.learned.length).toBeLessThan(140)
  expect(Number(large.learned.at(-1)?.toString().replaceAll('.', ''))).toBeGreaterThan(980)
  expect(() => splitSamples(samples(1000, 32_768), 200)).toThrow(
    /of 1,000, 1,000 are different; 1[23]\d of them/,
  )
})

it('a sample that is larger than all others does not take their place', () => {
  const { learned } = splitSamples([sample('x'.repeat(2 ** 23)), ...samples(1000)], 10)
  expect(learned).toHaveLength(801)
})
