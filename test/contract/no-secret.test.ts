import { describe, expect, it } from 'vitest'

import { expectNoSecret } from './kms-contract.js'

const secret = Uint8Array.from({ length: 32 }, (_, at) => (at * 37 + 11) & 0xff)
const piece = Buffer.from(secret.subarray(10, 25))

describe('the check that no error shows key bytes', () => {
  it.each([
    ['hex in its message', new Error(`key ${piece.toString('hex')}`)],
    ['capital hex', new Error(piece.toString('hex').toUpperCase())],
    ['base64', new Error(Buffer.from(secret).toString('base64'))],
    ['a part as base64, out of step', new Error(Buffer.concat([Buffer.of(1), piece]).toString('base64'))],
    ['base64url', new Error(piece.toString('base64url'))],
    ['a cause', new Error('outer', { cause: new Error(piece.toString('hex')) })],
    ['a Buffer', Object.assign(new Error('outer'), { input: Buffer.from(secret) })],
    ['a Uint8Array', Object.assign(new Error('outer'), { input: secret })],
  ])('the check that no error shows key bytes finds them as %s', (_, error) => {
    expect(() => {
      expectNoSecret(error, [secret])
    }).toThrow('shows bytes of a secret')
  })

  it('the check that no error shows key bytes accepts an error without them', () => {
    expectNoSecret(new Error('fine', { cause: new Error('also') }), [secret])
  })
})
