import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { EnvelopeError, isEnvelopeError } from '../src/errors.js'
import { nameOfThrown } from '../src/events.js'
import { systemClock } from '../src/clock.js'
import { withoutListenerLimit } from '../src/cancellation.js'

it('an EnvelopeError is recognised in whichever realm it was thrown', () => {
  const ours = new EnvelopeError('KMS_TIMEOUT', 'no answer')
  const theirs: unknown = runInNewContext(
    'Object.assign(new Error("no answer"), { name: "EnvelopeError", code })',
    { code: ours.code },
  )
  expect(theirs).not.toBeInstanceOf(Error)
  expect(isEnvelopeError(theirs)).toBe(true)
  expect(isEnvelopeError(ours)).toBe(true)
  for (const other of [undefined, null, 'EnvelopeError', {}, { name: 'EnvelopeError', code: 'toString' }]) {
    expect(isEnvelopeError(other)).toBe(false)
  }
})

it('an error of another realm is named, and a value that is not an error is not', () => {
  expect(nameOfThrown(runInNewContext('new RangeError("secret")'))).toBe('RangeError')
  expect(nameOfThrown({ name: 'secret' })).toBe('object')
})

it('a timer works where timers are numbers, as in browsers', () => {
  const original = globalThis.setTimeout
  globalThis.setTimeout = (() => 5) as unknown as typeof setTimeout
  try {
    expect(() => systemClock.schedule(() => undefined, 1)).not.toThrow()
  } finally {
    globalThis.setTimeout = original
  }
})

it("a signal that is not Node.js's own needs no listener limit", () => {
  expect(() => {
    withoutListenerLimit({ aborted: false } as AbortSignal)
  }).not.toThrow()
})
