import { expect, it } from 'vitest'
import { FLOORS, judge } from '../../bench/floors.js'
import type { Case } from '../../bench/harness/result.js'
import { ENGINES } from '../../bench/parts/engines.js'

const [floor] = FLOORS
if (floor === undefined) throw new Error('there are no floors')
const { part, name, parameters, metric, against, limits } = floor

/** The first floor's case, in which every engine has this spread, in parts of its floor. */
function measured(lowerQuartile: number, median: number, upperQuartile: number): Case {
  const figures = ENGINES.map((contender) => {
    const at = limits[contender].floor
    return {
      contender,
      metric,
      ...(against === undefined ? {} : { against }),
      ...{ lowerQuartile: at * lowerQuartile, median: at * median, upperQuartile: at * upperQuartile },
    }
  })
  return { part, name, parameters, rounds: 20, figures }
}

it('a figure breaks its floor if three of four rounds are worse', () => {
  expect(floor.better).toBe('more')
  expect(judge([measured(0.7, 0.8, 0.9)])).toHaveLength(ENGINES.length)
})

it('a figure keeps its floor if the floor is within the spread', () => {
  expect(judge([measured(0.7, 0.9, 1.1)])).toEqual([])
})

it('a case without the figure of its floor breaks it', () => {
  expect(judge([{ ...measured(1, 1, 1), figures: [] }])).toHaveLength(ENGINES.length)
})

it('a floor is no stricter than its target', () => {
  const strict = FLOORS.filter(({ better, limits }) =>
    Object.values(limits).some(({ floor: at, target }) => (better === 'more' ? at > target : at < target)),
  )
  expect(strict).toEqual([])
})
