import { expect, it } from 'vitest'

import { EmulatorError, type EmulatorErrorCode } from '../src/errors.js'

const CODES: readonly EmulatorErrorCode[] = [
  'OPTIONS_INVALID',
  'ADDRESS_UNAVAILABLE',
  'KEY_FILE_EXPOSED',
  'KEY_FILE_INVALID',
  'KEY_FILE_UNREADABLE',
  'KEY_FILE_UNWRITABLE',
]

it.each(CODES)('the message of %s contains the code, what is wrong and one thing to do', (code) => {
  const cause = new Error('cause')
  const error = new EmulatorError(code, 'this is wrong', { cause })
  expect(error).toMatchObject({ name: 'EmulatorError', code, cause })
  expect(error.message).toMatch(new RegExp(`^${code}: this is wrong\\. [A-Z][^\\n]*[^.]\\.$`))
})
