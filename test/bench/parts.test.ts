import { expect, it } from 'vitest'
import { PARTS } from '../../bench/parts/parts.js'

it.each([true, false])('the runs of a part have names of their own, quick or not: %s', (quick) => {
  for (const [part, { runs }] of Object.entries(PARTS)) {
    const names = runs({ quick }).map(({ name }) => name)
    expect(names.length, part).toBeGreaterThan(0)
    expect(new Set(names).size, part).toBe(names.length)
  }
})
