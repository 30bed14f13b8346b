import { describe, expect, it } from 'vitest'
import { isEnvelopeError } from '../../src/errors.js'
import { fromBase64, readSecret, writeSecret } from '../../src/secrets/encrypted-secret.js'

const SECRET = { provider: 'local', cmkId: 'passwords', ciphertext: Uint8Array.of(1, 2, 3) }
const HEX = '6b65736563' + '01' + '05' + '6c6f63616c' + '0009' + '70617373776f726473' + '010203'

function codeOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return isEnvelopeError(error) ? error.code : error
  }
}

describe('an encrypted secret', () => {
  it('an encrypted secret has the layout that docs/secrets.md specifies', () => {
    expect(writeSecret(SECRET).toString('hex')).toBe(HEX)
    expect(readSecret(Buffer.from(HEX, 'hex'))).toEqual(SECRET)
  })

  it('an encrypted secret starts with the same eight characters in base64', () => {
    expect(writeSecret(SECRET).toString('base64').slice(0, 8)).toBe('a2VzZWMB')
  })

  it('reading inverts writing for the longest names and ciphertexts', () => {
    const longest = {
      provider: 'a'.repeat(64),
      cmkId: '~'.repeat(256),
      ciphertext: new Uint8Array(8192).fill(7),
    }
    expect(readSecret(writeSecret(longest))).toEqual(longest)
  })

  it('an encrypted secret that is cut short anywhere is malformed', () => {
    const bytes = Buffer.from(HEX, 'hex')
    const shortest = bytes.length - SECRET.ciphertext.length
    for (let length = 0; length <= shortest; length++)
      expect(codeOf(() => readSecret(bytes.subarray(0, length)))).toBe('SECRET_MALFORMED')
  })

  it.each([
    ['plaintext', Buffer.from('hunter2')],
    ['another version', Buffer.from(HEX.replace('65630105', '65630205'), 'hex')],
    ['an empty provider', Buffer.from(HEX.replace('056c6f63616c', '00'), 'hex')],
    ['a provider with a capital', Buffer.from(HEX.replace('6c6f63616c', '4c6f63616c'), 'hex')],
    ['an empty CMK id', Buffer.from(HEX.replace('000970617373776f726473', '0000'), 'hex')],
    ['a CMK id with a control character', Buffer.from(HEX.replace('70617373', '1b617373'), 'hex')],
    ['a ciphertext that is too long', writeSecret({ ...SECRET, ciphertext: new Uint8Array(8193) })],
    ['a CMK id that is too long', writeSecret({ ...SECRET, cmkId: 'x'.repeat(257) })],
  ])('%s is a malformed secret, and its bytes are not repeated', (_, bytes) => {
    expect(codeOf(() => readSecret(bytes))).toBe('SECRET_MALFORMED')
    expect(() => readSecret(bytes)).not.toThrow(/hunter2|local/)
  })

  it('the ciphertext that is read is a copy, so that changing the bytes later changes nothing', () => {
    const bytes = Buffer.from(HEX, 'hex')
    const { ciphertext } = readSecret(bytes)
    bytes.fill(0)
    expect(ciphertext).toEqual(SECRET.ciphertext)
  })

  it('base64 may have white space in it, and must be base64 otherwise', () => {
    expect(fromBase64('  aGVs\r\n\tbG8= \n').toString()).toBe('hello')
    for (const text of ['aGVsbG8', 'aGVsbG8==', 'aGVsbG-=', 'hunter2!', 'aGVsbG9=', 'ä'])
      expect(codeOf(() => fromBase64(text))).toBe('SECRET_MALFORMED')
  })
})
