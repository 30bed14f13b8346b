import { describe, expect, it } from 'vitest'
import { configError, EnvelopeError, errorCodes, isEnvelopeError } from '../src/errors.js'

const TRANSIENT = [
  'KMS_RATE_LIMITED',
  'KMS_UNAVAILABLE',
  'KMS_THROTTLED',
  'KMS_TIMEOUT',
  'KEY_WAIT_TIMEOUT',
  'DEAD_LETTER_FAILED',
  'KMS_CREDENTIALS_UNAVAILABLE',
  'KMS_RESPONSE_INVALID',
]
const UNREADABLE = [
  'UNKNOWN_FORMAT',
  'UNKNOWN_SUITE',
  'UNKNOWN_COMPRESSION',
  'DICTIONARY_UNKNOWN',
  'NO_CANDIDATE',
  'TOPIC_NOT_CONFIGURED',
  'KMS_DENIED',
  'KMS_REFUSED',
  'CMK_NOT_FOUND',
  'CMK_DISABLED',
  'CMK_UNUSABLE',
  'KEYRING_NOT_FOUND',
  'KEYRING_EXPOSED',
  'KEYRING_INVALID',
]
const INVALID = [
  'NOT_SEALED',
  'MALFORMED',
  'WRONG_TOPIC',
  'REQUIREMENT_UNMET',
  'TOMBSTONE_REJECTED',
  'UNWRAP_FAILED',
  'COMMITMENT_MISMATCH',
  'AUTHENTICATION_FAILED',
  'DECOMPRESSION_FAILED',
  'TOO_LARGE',
  'CMK_MISMATCH',
  'CIPHERTEXT_DEK_INVALID',
]

describe('every code', () => {
  it.each(errorCodes())('the message of %s says what is wrong, where, and what to do', (code) => {
    const error = new EnvelopeError(code, 'something happened', {
      position: { topic: 't', partition: 3, offset: '42' },
      cause: new Error('why'),
    })
    expect(error.message).toMatch(
      new RegExp(`^${code} at topic t, partition 3, offset 42: something happened\\. [A-Z\`].+\\.$`, 's'),
    )
    expect(error.message).toBe(`${code} at topic t, partition 3, offset 42: ${error.what}. ${error.remedy}.`)
    expect(error.what).toBe('something happened')
    expect(isEnvelopeError(error)).toBe(true)
    expect(error.retriable).toBe(TRANSIENT.includes(code))
    const kind = TRANSIENT.includes(code)
      ? 'transient'
      : UNREADABLE.includes(code)
        ? 'unreadable'
        : INVALID.includes(code)
          ? 'invalid'
          : undefined
    expect(error.kind).toBe(kind)
  })
})

it('a more specific remedy replaces that of the code, and stays when the error gets a position', () => {
  const remedy = 'Set the clock'
  const error = new EnvelopeError('KMS_DENIED', 'the clock is off', { remedy, cause: new Error('why') })
  expect(error.message).toBe('KMS_DENIED: the clock is off. Set the clock.')
  expect(error.at({ topic: 't' }).message).toBe('KMS_DENIED at topic t: the clock is off. Set the clock.')
})

it('an error that gets the position of a record names it and keeps the rest', () => {
  const cause = new Error('why')
  const answer = { kmsCode: 'InternalError', requestId: 'r-1' }
  const error = new EnvelopeError('MALFORMED', 'something', { cause, ...answer }).at({
    topic: 't',
    offset: '1',
  })
  expect(error).toMatchObject({
    code: 'MALFORMED',
    kind: 'invalid',
    position: { topic: 't', offset: '1' },
    cause,
    ...answer,
  })
  expect(error.message).toContain('MALFORMED at topic t, offset 1: something.')
})

it('errors of another copy of the package are recognised, others are not', () => {
  const foreign = Object.assign(new Error('x'), { name: 'EnvelopeError', code: 'MALFORMED' })
  expect(isEnvelopeError(foreign)).toBe(true)
  expect(isEnvelopeError(Object.assign(new Error('x'), { name: 'EnvelopeError', code: 'toString' }))).toBe(
    false,
  )
  expect(isEnvelopeError(Object.assign(new Error('x'), { code: 'MALFORMED' }))).toBe(false)
  expect(isEnvelopeError({ name: 'EnvelopeError', code: 'MALFORMED' })).toBe(false)
  expect(isEnvelopeError(undefined)).toBe(false)
})

describe('configError', () => {
  const issue = { path: 'topics[0].match', message: 'missing' }

  it('configError reports one mistake in one line', () => {
    expect(configError([issue]).message).toBe(
      'CONFIG_INVALID: mistake in the configuration: topics[0].match: missing. Correct the configuration; nothing was started.',
    )
  })

  it('configError lists several mistakes, each with its place in the file, and carries all of them', () => {
    const issues = [issue, { path: 'cache', message: 'expected an object', line: 3, column: 7 }]
    const error = configError(issues, { subject: 'kafka-envelope.yaml' })
    expect(error.message).toBe(
      'CONFIG_INVALID: 2 mistakes in kafka-envelope.yaml\n' +
        '  topics[0].match: missing\n' +
        '  cache: expected an object (line 3, column 7). Correct the configuration; nothing was started.',
    )
    expect(error.issues).toEqual(issues)
  })
})
