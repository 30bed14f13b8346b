import { describe, expect, it } from 'vitest'
import { cmkOf } from '../../support/cmks.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { takenDeks } from '../spy-deks.js'
import { forgedRequest, opening } from './opening-on-memory.js'

const HOUR = 3_600_000
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('the key of a session', () => {
  it('the key of a session is available without a wait once it was loaded', async () => {
    const { keys, request } = await opening()
    const wanted = await request()
    expect(keys.find(wanted)).toBeUndefined()
    const { key, cmk, release } = await keys.load(wanted)
    release()
    expect(keys.find(wanted)).toEqual({ key, cmk })
    const [candidate] = wanted.candidates
    const absent = { ...candidate, name: 'absent' }
    expect(keys.find({ ...wanted, candidates: [absent, candidate] })?.key).toBe(key)
    expect(keys.find(forgedRequest(wanted))).toBeUndefined()
  })

  it('the look-up of a key counts once, also if it is tried before', async () => {
    const { keys, request } = await opening()
    const wanted = await request()
    expect(keys.findCached(wanted)).toBeUndefined()
    expect(keys.find(wanted)).toBeUndefined()
    expect(keys.lookups).toEqual({ hits: 0, misses: 1 })
    ;(await keys.load(wanted)).release()
    expect(keys.findCached(wanted)).toBeDefined()
    expect(keys.lookups).toEqual({ hits: 1, misses: 1 })
  })

  it('the key of a session stays usable although its DEK turns out to be too old for the next session', async () => {
    const { keys, clock, request } = await opening()
    const wanted = await request()
    ;(await keys.load(wanted)).release()
    const found = keys.find(wanted)?.key
    clock.sleep(HOUR)
    expect(keys.find(wanted)).toBeUndefined()
    expect(() => found?.keyObject()).not.toThrow()
    await settle()
    expect(() => found?.keyObject()).toThrow(/after it was destroyed/)
    expect(keys.size).toBe(0)
  })

  it('without a candidate there is no key of a session', async () => {
    const { keys, request } = await opening()
    const wanted = { ...(await request()), candidates: [] }
    await expect(keys.load(wanted)).rejects.toMatchObject({
      code: 'NO_CANDIDATE',
      message: expect.stringMatching(/the rule accepts none of the wrappings/) as string,
    })
  })

  it('the search for the key of a session ends after a failure that is a bug', async () => {
    const { kms, keys, request, cmk } = await opening()
    const wanted = await request()
    const broken = new MemoryKms()
    broken.failure = new TypeError('bug')
    const other = await cmkOf('broken', broken, 'cmk')
    const [candidate] = wanted.candidates
    const candidates = [
      { ...candidate, cmk: other, name: 'broken' },
      { ...candidate, cmk },
    ]
    await expect(keys.load({ ...wanted, candidates })).rejects.toThrow(TypeError)
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate'])
  })

  it('the key of a session stays usable for each of several callers that waited for one unwrap, even if a small cache drops it', async () => {
    const { keys, request } = await opening({ maxDeks: 1 })
    const wanted = await request()
    const leased = await Promise.all([keys.load(wanted), keys.load(wanted), keys.load(wanted)])
    const other = await keys.load(await request())
    expect(keys.size).toBe(1)
    for (const { key, release } of leased) {
      expect(() => key.keyObject()).not.toThrow()
      release()
    }
    expect(() => leased[0].key.keyObject()).toThrow(/KEY_DESTROYED/)
    other.release()
  })
})

describe('a DEK that arrives after its CMK was evicted, or everything was closed', () => {
  it.each(['evict', 'evict its replica', 'close'] as const)(
    'a DEK that arrives after its CMK was evicted, or everything was closed, is not used, and is destroyed (%s)',
    async (how) => {
      const { kms, keys, request } = await opening()
      const wanted = await request()
      const taken = takenDeks()
      kms.hold = true
      const loading = keys.load(wanted)
      await kms.waitForHeld()
      if (how === 'evict') keys.evict('cmk')
      else if (how === 'evict its replica') keys.evict('replica')
      else keys.close()
      kms.held[0]?.succeed()
      await expect(loading).rejects.toMatchObject(
        how !== 'close'
          ? { code: 'KMS_TIMEOUT', message: expect.stringMatching(/evicted/) as string }
          : { code: 'ENCRYPTION_CLOSED' },
      )
      await settle()
      expect(keys.size).toBe(0)
      expect(taken.map(({ destroyed }) => destroyed)).toEqual([true])
    },
  )
})

describe('the time to live of an idle DEK', () => {
  it('the time to live of an idle DEK ends exactly, even if it is not a multiple of the longest timer', async () => {
    const { keys, clock, request } = await opening({ ttlMs: 1.5 * HOUR })
    ;(await keys.load(await request())).release()
    clock.advance(1.5 * HOUR - 1)
    expect(keys.size).toBe(1)
    clock.advance(1)
    expect(keys.size).toBe(0)
  })

  it('the time to live of an idle DEK ends at the next access after the machine slept through it', async () => {
    const { keys, clock, request } = await opening({ ttlMs: HOUR })
    const taken = takenDeks()
    const wanted = await request()
    const { key, release } = await keys.load(wanted)
    release()
    clock.sleep(HOUR - 1)
    expect(keys.find(wanted)?.key).toBe(key)
    clock.sleep(1)
    expect(keys.find(wanted)).toBeUndefined()
    await settle()
    expect(keys.size).toBe(0)
    expect(taken.at(-1)?.destroyed).toBe(true)
    expect(clock.timers).toBe(0)
    expect(keys.lookups).toEqual({ hits: 1, misses: 1 })
  })

  it('the time to live of an idle DEK ends within an hour after the machine slept through it', async () => {
    const { keys, clock, request } = await opening({ ttlMs: 7 * 24 * HOUR })
    ;(await keys.load(await request())).release()
    clock.sleep(8 * 24 * HOUR)
    clock.advance(HOUR)
    expect(keys.size).toBe(0)
  })
})
