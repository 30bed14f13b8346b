import { describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import type { OpeningRequest } from '../../../src/keys/opening/opening-request.js'
import { takenDeks } from '../spy-deks.js'
import { forgedRequest, opening } from './opening-on-memory.js'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const mismatch = expect.objectContaining({
  code: 'COMMITMENT_MISMATCH',
  message: expect.stringContaining('does not match the commitment in the header') as string,
}) as Error

async function keysOnMemory(limits: Parameters<typeof opening>[0] = {}) {
  const made = await opening(limits)
  const { kms } = made
  return {
    ...made,
    unwraps: (): number => kms.calls.filter(({ operation }) => operation === 'unwrap').length,
    /** Lets the oldest held call continue, once there is one. */
    async answer(): Promise<void> {
      await kms.waitForHeld()
      kms.held[0]?.succeed()
    },
  }
}

describe('a call that several records share', () => {
  it('a call that several records share goes on when another CMK is evicted', async () => {
    const { kms, keys, request, unwraps, answer } = await keysOnMemory()
    const wanted = await request()
    kms.hold = true
    const loading = [keys.load(wanted)]
    await kms.waitForHeld()
    keys.evict('another')
    loading.push(keys.load(wanted))
    await answer()
    for (const { release } of await Promise.all(loading)) release()
    expect(unwraps()).toBe(1)
  })

  it('a call that several records share keeps its DEK once, with one timer, however often the key is loaded', async () => {
    const { keys, clock, request } = await keysOnMemory()
    const wanted = await request()
    const schedule = vi.spyOn(clock, 'schedule')
    for (const { release } of await Promise.all([1, 2, 3].map(() => keys.load(wanted)))) release()
    ;(await keys.load(wanted)).release()
    expect(schedule).toHaveBeenCalledOnce()
  })

  it('a call that several records share condemns a forged one immediately if it has verified a genuine one', async () => {
    const { kms, keys, request, unwraps, answer } = await keysOnMemory()
    const wanted = await request()
    kms.hold = true
    const good = keys.load(wanted)
    const bad = expect(keys.load(forgedRequest(wanted))).rejects.toThrow(mismatch)
    await answer()
    ;(await good).release()
    await bad
    expect(unwraps()).toBe(1)
  })

  it('a DEK that has verified condemns a forged record, whatever the KMS answers when it is asked once more', async () => {
    const { kms, keys, request, answer } = await keysOnMemory()
    const wanted = await request()
    kms.hold = true
    const bad = expect(keys.load(forgedRequest(wanted))).rejects.toThrow(mismatch)
    const good = keys.load(wanted)
    await answer()
    ;(await good).release()
    await kms.waitForHeld()
    kms.held[0]?.fail(new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'no'))
    await bad
  })
})

describe('a call that has ended', () => {
  it('a call that has ended is not cancelled when its CMK is evicted', async () => {
    const { kms, keys, request, answer } = await keysOnMemory()
    const wanted = await request()
    kms.hold = true
    const loading = keys.load(wanted)
    await kms.waitForHeld()
    const signal = kms.held[0]?.call.signal
    await answer()
    ;(await loading).release()
    keys.evict('cmk')
    expect(signal?.aborted).toBe(false)
  })

  it.each(['evict', 'close'] as const)(
    'a call that has ended leaves no key, and starts no other call, if its CMK is evicted or everything is closed at that moment (%s)',
    async (how) => {
      const taken = takenDeks()
      // Either the first or the second answer of the KMS is the last before the end.
      for (const answers of [1, 2])
        for (let turns = 0; turns < 30; turns++) {
          const { kms, keys, clock, request, unwraps, answer } = await keysOnMemory()
          const wanted = await request()
          const before = taken.length
          kms.hold = true
          const loading = [1, 2].map(() => keys.load(forgedRequest(wanted)))
          const ended = Promise.allSettled(loading)
          for (let n = 0; n < answers; n++) await answer()
          for (let turn = 0; turn < turns; turn++) await Promise.resolve()
          const asked = unwraps()
          if (how === 'evict') keys.evict('cmk')
          else keys.close()
          await settle()
          // After an eviction the KMS may be asked for a new DEK. After close() it may not.
          if (how === 'close') expect([turns, unwraps()]).toEqual([turns, asked])
          for (const held of [...kms.held]) held.fail(new EnvelopeError('KMS_TIMEOUT', 'no'))
          await ended
          expect([turns, clock.timers]).toEqual([turns, 0])
          expect(taken.slice(before).every(({ destroyed }) => destroyed)).toBe(true)
        }
    },
  )
})

describe('the refusal of a ciphertext DEK', () => {
  it('the refusal of a ciphertext DEK has the code and request id of the KMS, even while it is remembered', async () => {
    const { kms, keys, request, unwraps } = await keysOnMemory()
    const wanted = await request()
    const words = { kmsCode: 'InvalidCiphertext', requestId: 'r-1' }
    kms.failure = new EnvelopeError('CIPHERTEXT_DEK_INVALID', 'no', words)
    for (let n = 0; n < 2; n++)
      await expect(keys.load(wanted)).rejects.toMatchObject({ code: 'UNWRAP_FAILED', ...words })
    expect(unwraps()).toBe(1)
  })

  it('the refusal of a ciphertext DEK blames no record if it is not an EnvelopeError, whatever it looks like', async () => {
    const { kms, keys, request } = await keysOnMemory()
    const wanted = await request()
    kms.failure = Object.assign(new Error('no'), { kind: 'invalid', code: 'CIPHERTEXT_DEK_INVALID' })
    await expect(keys.load(wanted)).rejects.toBe(kms.failure)
    kms.failure = undefined
    ;(await keys.load(wanted)).release()
  })

  it('the refusal of a ciphertext DEK with a code that no KMS can judge names the CMK and the code', async () => {
    const { kms, keys, request } = await keysOnMemory()
    const wanted = await request()
    kms.failure = new EnvelopeError('AUTHENTICATION_FAILED', 'no')
    await expect(keys.load(wanted)).rejects.toThrow(
      /KMS_UNAVAILABLE: the KMS of CMK cmk failed with AUTHENTICATION_FAILED/,
    )
  })
})

describe('a DEK with only forged records', () => {
  it('a DEK with only forged records is one of at most 100', async () => {
    const { keys, request, unwraps } = await keysOnMemory()
    const wanted: OpeningRequest[] = []
    for (let n = 0; n < 101; n++) wanted.push(forgedRequest(await request()))
    const cost = async (requests: readonly OpeningRequest[]): Promise<number> => {
      const before = unwraps()
      for (const each of requests) await expect(keys.load(each)).rejects.toThrow(mismatch)
      return unwraps() - before
    }
    expect(await cost(wanted)).toBe(2 * 101)
    expect(await cost(wanted.slice(1))).toBe(0)
    expect(await cost(wanted.slice(0, 1))).toBe(2)
  })

  it('a DEK with only forged records is kept no longer than one that has verified', async () => {
    const { keys, clock, request } = await keysOnMemory({ ttlMs: 10_000 })
    await expect(keys.load(forgedRequest(await request()))).rejects.toThrow(mismatch)
    clock.advance(9_999)
    expect(clock.timers).toBe(1)
    clock.advance(1)
    expect(clock.timers).toBe(0)
  })

  it('a DEK with only forged records counts as verified once a genuine record arrives', async () => {
    const { keys, clock, request, unwraps } = await keysOnMemory()
    const wanted = await request()
    await expect(keys.load(forgedRequest(wanted))).rejects.toThrow(mismatch)
    ;(await keys.load(wanted)).release()
    expect(keys.size).toBe(1)
    expect(clock.timers).toBe(1)
    expect(unwraps()).toBe(2)
  })
})
