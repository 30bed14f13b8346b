import { expect, it } from 'vitest'
import { flameGraph, type CpuProfile } from '../../bench/pages/flame-graph.js'

const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url },
  children,
})

/** The library, called by KafkaJS, calls `node:crypto`: 10, 30 and 60 µs. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2]),
    node(2, 'runner', 'file:///app/node_modules/kafkajs/src/consumer/runner.js', [3, 5]),
    node(3, 'begin', 'file:///app/.cache/bench/src/record/opener.js', [4]),
    node(4, 'update<T>', 'node:internal/crypto/cipher'),
    node(5, '', 'file:///app/.cache/bench/bench/parts/floor.js'),
  ],
  samples: [2, 3, 4, 5],
  timeDeltas: [500, 30, 60, 700],
}

it('a flame graph shows the share of each function of the library, and what it calls', () => {
  const picture = flameGraph(PROFILE, 'Opening')
  expect(picture).toContain('Share of time: begin 100 %.')
  expect(picture).toContain('>update&lt;T&gt;<')
  const widths = [...picture.matchAll(/<rect class="engine\d" .*?width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  )
  expect(widths).toEqual([679.5, 679.5, 452.8])
})

it('a flame graph leaves out everything that runs outside the library', () => {
  expect(flameGraph(PROFILE, 'Opening')).not.toMatch(/runner|anonymous/)
})

it('a profile without the library gives no flame graph', () => {
  expect(() => flameGraph({ ...PROFILE, samples: [2, 5], timeDeltas: [1, 1] }, 'Opening')).toThrow(
    'no function of the library is in the profile',
  )
})
