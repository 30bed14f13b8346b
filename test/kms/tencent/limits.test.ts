import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.js'
import type { Kms, KmsCallLimits } from '../../../src/kms/kms.js'
import { RateLimiter } from '../../../src/kms/rate-limiter.js'
import { ServiceLimits } from '../../../src/kms/service-limits.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { PEM, SECRET } from './service.js'

const NEAR = 'ap-guangzhou/symmetric'
const FAR = 'ap-shanghai/symmetric'
const RSA = 'ap-guangzhou/rsa'

function kmsWith(quota?: { readonly symmetric?: number; readonly rsa?: number }): Required<Kms> {
  const cmks = { [RSA]: { type: 'rsa-2048' as const, publicKey: PEM } }
  return tencentKms({ credentials: SECRET, cmks, ...(quota ? { quota } : {}) }) as Required<Kms>
}

describe('the limits that Tencent Cloud KMS states', () => {
  const { limits } = kmsWith()
  const rateOf = (...call: Parameters<typeof limits>): KmsCallLimits['rate'] => limits(...call).rate

  it.each(['generate', 'wrap', 'unwrap'] as const)(
    'the limits that Tencent Cloud KMS states count making, wrapping and unwrapping under symmetric CMKs of a region together: %s',
    (operation) => {
      expect(rateOf(operation, NEAR)).toEqual({ ...rateOf('unwrap', NEAR), perSecond: 240, calls: 1 })
    },
  )

  it('the limits that Tencent Cloud KMS states count two calls to verify a symmetric CMK, which makes a DEK and unwraps it', () => {
    expect(rateOf('verify', NEAR)).toEqual({ ...rateOf('unwrap', NEAR), calls: 2 })
  })

  it('the limits that Tencent Cloud KMS states count re-encryption as three calls: it has a third of their quota', () => {
    expect(rateOf('rewrap', NEAR)).toEqual({ ...rateOf('unwrap', NEAR), calls: 3 })
  })

  it('the limits that Tencent Cloud KMS states count unwrapping under an RSA CMK separately, and not wrapping, which its public key does here', () => {
    expect(rateOf('unwrap', RSA)?.perSecond).toBe(160)
    expect(rateOf('unwrap', RSA)?.group).not.toBe(rateOf('unwrap', NEAR)?.group)
    expect([rateOf('generate', RSA), rateOf('wrap', RSA)]).toEqual([undefined, undefined])
  })

  it('the limits that Tencent Cloud KMS states are separate for each region', () => {
    expect(rateOf('unwrap', FAR)?.group).not.toBe(rateOf('unwrap', NEAR)?.group)
    const groupOf = (cmkId: string): string | undefined => limits('unwrap', cmkId).concurrency?.group
    expect(groupOf(FAR)).not.toBe(groupOf(NEAR))
    expect(groupOf(RSA)).toBe(groupOf(NEAR))
  })

  it('the limits that Tencent Cloud KMS states are none for an invalid id, for which no call is made', () => {
    expect(limits('unwrap', 'not an id')).toEqual({})
  })

  it.each([
    [{}, 64],
    [{ symmetric: 3, rsa: 3 }, 64],
    [{ symmetric: 1281 }, 65],
    [{ rsa: 3000 }, 150],
  ])(
    'a quota of %j allows %d calls at the same time: enough to use it up if a call takes 50 ms',
    (quota, max) => {
      expect(kmsWith(quota).limits('wrap', NEAR).concurrency?.max).toBe(max)
    },
  )

  it('the error of a call that waited too long for the limits names the setting that raises them', async () => {
    const share = { perSecond: 1000, burst: 1000 }
    const limiter = new RateLimiter({
      shares: { sealing: share, opening: share },
      maxWaitMs: 1,
      clock: systemClock,
      service: new ServiceLimits(systemClock),
    })
    const { limits: stated } = kmsWith({ symmetric: 0.01 })
    const { signal } = new AbortController()
    ;(await limiter.acquire('opening', stated('unwrap', NEAR), signal))()
    await expect(limiter.acquire('opening', stated('unwrap', NEAR), signal)).rejects.toThrow(
      /0\.01 a second \(symmetric calls to ap-guangzhou, `quota\.symmetric`\)/,
    )
  })
})
