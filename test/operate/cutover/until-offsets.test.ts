import { expect, it } from 'vitest'
import { ALL_PLAINTEXT, endingAt } from '../../../src/operate/index.js'

const ends = { 0: '100', 1: '7' }

it('plaintext ends where the partitions end', () => {
  expect(endingAt(undefined, ends)).toEqual(ends)
  expect(endingAt({}, ends)).toEqual(ends)
  expect(endingAt({ 0: ALL_PLAINTEXT, 1: '8' }, ends)).toEqual(ends)
})

it('plaintext that has ended does not begin again: neither behind its end nor in a partition that the rule leaves out', () => {
  expect(endingAt({ 0: '99', 1: ALL_PLAINTEXT }, ends)).toEqual({ 0: '99', 1: '7' })
  expect(endingAt({ 0: '100' }, ends)).toEqual({ 0: '100' })
})
