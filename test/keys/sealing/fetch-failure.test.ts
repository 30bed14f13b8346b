import { expect, it } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { fetchFailure } from '../../../src/keys/sealing/fetch-failure.js'

it.each([
  ['KMS_UNAVAILABLE', 'outage'],
  ['KMS_THROTTLED', 'outage'],
  ['KMS_TIMEOUT', 'outage'],
  ['KMS_CREDENTIALS_UNAVAILABLE', 'outage'],
  ['KMS_RESPONSE_INVALID', 'outage'],
  ['KMS_RATE_LIMITED', 'notAsked'],
  ['KMS_DENIED', 'denied'],
  ['DEK_EXHAUSTED', 'other'],
] as const)('the failure of a call for a DEK with %s counts as %s', (code, kind) => {
  expect(fetchFailure(new EnvelopeError(code, 'text'))).toStrictEqual({ kind, code })
})

it('an error that is not ours counts as another failure, without a code', () => {
  expect(fetchFailure(new TypeError('a bug'))).toStrictEqual({ kind: 'other', code: undefined })
})
