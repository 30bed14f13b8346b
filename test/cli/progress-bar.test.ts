import { expect, it } from 'vitest'
import { progressLine } from '../../src/cli/progress-bar.js'

it('a line of progress shows the share, the rate and the time left', () => {
  expect(progressLine(1000, 2000, 2000, 'records')).toBe(
    '[############············]   50 %  1,000 of 2,000 records  500/s  2 s left',
  )
  expect(progressLine(0, 10, 0, 'offsets')).toBe('[························]    0 %  0 of 10 offsets  0/s')
  expect(progressLine(1, 7201, 1000, 'offsets')).toContain('  2 h 0 min left')
  expect(progressLine(0, 0, 1000, 'offsets')).toContain('100 %')
})
