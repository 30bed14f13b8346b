import { describe, expect, it } from 'vitest'
import { isEnvelopeError } from '../../../src/errors.js'
import { pkcs11Kms, type Pkcs11KmsOptions } from '../../../src/kms/pkcs11/index.js'

const VALID = { library: '/usr/lib/hsm.so', token: 'payments', pin: '1234' }

function issuesOf(options: object): unknown {
  try {
    pkcs11Kms(options as Pkcs11KmsOptions)
  } catch (error) {
    if (isEnvelopeError(error) && error.code === 'CONFIG_INVALID')
      return error.issues.map(({ path }) => path).join()
    throw error
  }
  return 'none'
}

describe('the options of pkcs11Kms()', () => {
  it.each<[string, object, string]>([
    ['the least that is needed', {}, 'none'],
    ['a file with the PIN', { pin: undefined, pinFile: '/run/secrets/pin' }, 'none'],
    ['no PIN', { pin: undefined }, 'pin'],
    ['two PINs', { pinFile: '/run/secrets/pin' }, 'pinFile'],
    ['an empty PIN', { pin: '' }, 'pin'],
    ['a PIN that is too long', { pin: '1'.repeat(257) }, 'pin'],
    ['a library by its name', { library: 'libhsm.so' }, 'library'],
    ['a library with a NUL', { library: '/a\0' }, 'library'],
    ['a token with blanks', { token: 'my token' }, 'token'],
    ['a token that is too long', { token: 'a'.repeat(33) }, 'token'],
    ['a time-out of zero', { requestTimeout: 0 }, 'requestTimeout'],
    ['an unknown member', { slot: 0 }, 'slot'],
    ['several mistakes', { library: '', token: '' }, 'library,token'],
  ])('%s: the mistakes are in the right places', (_, changes, issues) => {
    const given = Object.fromEntries(
      Object.entries<unknown>({ ...VALID, ...changes }).filter(([, value]) => value !== undefined),
    )
    expect(issuesOf(given)).toBe(issues)
  })

  it.each([
    'orders',
    'pkcs11:token=other;object=orders',
    'pkcs11:token=payments;object=',
    'pkcs11:token=payments;object=a%20b',
    'pkcs11:token=payments;object=orders;type=secret-key',
    'pkcs11:object=orders;token=payments',
  ])('the id %s names no key of the token', async (cmkId) => {
    const kms = pkcs11Kms(VALID)
    await expect(kms.describe(cmkId, new AbortController().signal)).rejects.toMatchObject({
      code: 'CMK_NOT_FOUND',
    })
  })
})
