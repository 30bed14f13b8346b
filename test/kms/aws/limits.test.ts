import { describe, expect, it } from 'vitest'
import { awsKms, type Quota } from '../../../src/kms/aws/index.js'
import type { Kms, KmsCallLimits } from '../../../src/kms/kms.js'

const arn = (region: string, key: string): string => `arn:aws:kms:${region}:111122223333:key/${key}`
const NEAR = arn('eu-west-1', 'symmetric')
const FAR = arn('us-east-1', 'symmetric')
const RSA = arn('eu-west-1', 'rsa')

function kmsWith(quota?: Partial<Quota>): Required<Kms> {
  return awsKms({ cmks: { [RSA]: { type: 'rsa-2048' } }, ...(quota ? { quota } : {}) }) as Required<Kms>
}

describe('the limits that AWS KMS states', () => {
  const { limits } = kmsWith()
  const rateOf = (...call: Parameters<typeof limits>): KmsCallLimits['rate'] => limits(...call).rate

  it.each(['generate', 'wrap', 'unwrap'] as const)(
    'the limits that AWS KMS states count making, wrapping and unwrapping under symmetric CMKs of a region together: %s',
    (operation) => {
      expect(rateOf(operation, NEAR)).toEqual({ ...rateOf('unwrap', NEAR), perSecond: 4400, calls: 1 })
    },
  )

  it('the limits that AWS KMS states count two calls to verify a symmetric CMK, which makes a DEK and unwraps it', () => {
    expect(rateOf('verify', NEAR)).toEqual({ ...rateOf('unwrap', NEAR), calls: 2 })
  })

  it('the limits that AWS KMS states count re-encryption as two calls, since it decrypts and encrypts', () => {
    expect(rateOf('rewrap', NEAR)).toEqual({ ...rateOf('unwrap', NEAR), calls: 2 })
  })

  it('the limits that AWS KMS states count unwrapping under an RSA CMK separately, and not wrapping, which its public key does here', () => {
    expect(rateOf('unwrap', RSA)?.perSecond).toBe(400)
    expect(rateOf('unwrap', RSA)?.group).not.toBe(rateOf('unwrap', NEAR)?.group)
    expect([rateOf('generate', RSA), rateOf('wrap', RSA)]).toEqual([undefined, undefined])
  })

  it('the limits that AWS KMS states are separate for each region', () => {
    expect(rateOf('unwrap', FAR)?.group).not.toBe(rateOf('unwrap', NEAR)?.group)
    expect(limits('unwrap', RSA).concurrency?.group).toBe(limits('unwrap', NEAR).concurrency?.group)
  })

  it('the limits that AWS KMS states are none for an invalid id, for which no call is made', () => {
    expect(limits('unwrap', 'not an id')).toEqual({})
  })

  it.each([
    [{}, 220],
    [{ symmetric: 3, rsa: 3 }, 64],
    [{ rsa: 8000 }, 400],
  ])('a quota of %j at AWS KMS allows %d calls at the same time', (quota, max) => {
    expect(kmsWith(quota).limits('wrap', NEAR).concurrency?.max).toBe(max)
  })
})
