import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../support/emissions.js'
import { perSession } from '../../support/sealed.js'
import { answersAfter, owner, settle } from '../owner.js'

describe('a listener may call back', () => {
  it.each(['close', 'evict'] as const)(
    '%s in a listener of `dek.retired`: nothing is sealed under the DEK that was next',
    async (end) => {
      const { encryption, seal, clock, named } = await owner({
        encrypt: { rotate: { maxAge: '100s', prefetch: '50s' } },
      })
      const before = await seal()
      clock.advance(99_000)
      await settle()
      expect(named('dek.created')).toHaveLength(2)
      const remove = encryption.on('dek.retired', () => {
        remove()
        if (end === 'close') void encryption.close()
        else encryption.evict('cmk')
      })
      clock.advance(1000)
      if (end === 'close') expect(await thrownBy(() => seal())).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
      else {
        const next = named('dek.created')[1]?.sessionId
        const after = await seal()
        expect(perSession([...before, ...after])).toEqual([1, 1])
        expect(named('dek.created')[2]?.sessionId).not.toBe(next)
        expect(named('dek.retired').map(({ sessionId }) => sessionId)).toContain(next)
      }
      await encryption.close()
      expect(named('dek.destroyed')).toHaveLength(named('dek.created').length)
      expect(clock.timers).toBe(0)
    },
  )

  it('close() in a listener of `dek.retired` at a limit: no more DEKs are fetched', async () => {
    const { encryption, seal, kms } = await owner({
      encrypt: { rotate: { maxMessages: 1000, prefetch: '1h' } },
    })
    encryption.on('dek.retired', () => void encryption.close())
    await seal(1000)
    await settle()
    expect(kms.calls).toHaveLength(1)
  })

  it('a send that waited causes one event, however many DEKs it waited for', async () => {
    const { seal, named } = await owner({
      encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true } },
    })
    await seal(50)
    expect(named('dek.waited')).toMatchObject([{ outcome: 'ok' }])
  })

  it.each([
    ['1s', 'fulfilled', 'ok', 300],
    ['250ms', 'rejected', 'failed', 250],
  ] as const)(
    'a send that waits 100 ms for each of three DEKs, with a limit of %s, is %s, and one event says how long it waited',
    async (dekTimeout, status, outcome, waitedMs) => {
      const { seal, kms, clock, named } = await owner({
        encrypt: { rotate: { maxMessages: 1, allowFrequentRotation: true }, dekTimeout },
      })
      const { step } = answersAfter(kms, clock, 100)
      const sealing = Promise.allSettled([seal(3)])
      for (let ms = 0; ms < 400; ms += 10) await step(10)
      expect(await sealing).toMatchObject([{ status }])
      expect(named('dek.waited')).toMatchObject([{ outcome, waitedMs }])
    },
  )

  it('health() reports the last failure until a DEK arrives', async () => {
    const { encryption, seal, kms } = await owner()
    kms.hold = true
    const failing = thrownBy(() => seal())
    await kms.waitForHeld()
    expect(encryption.health().sealingKeys).toMatchObject([{ state: 'fetching' }])
    kms.held[0]?.fail(new Error('x'))
    await failing
    expect(encryption.health()).toMatchObject({
      status: 'degraded',
      sealingKeys: [{ state: 'empty', failure: 'KMS_UNAVAILABLE' }],
    })
    kms.hold = false
    await seal()
    expect(encryption.health()).toMatchObject({ status: 'ok', sealingKeys: [{ state: 'ready' }] })
  })
})
