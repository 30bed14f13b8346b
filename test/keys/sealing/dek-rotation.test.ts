import { describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { EventHub, type EncryptionEvents } from '../../../src/events.js'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import type { SealingScope } from '../../../src/keys/sealing/dek-supplier.js'
import { KmsDekSupplier } from '../../../src/keys/sealing/kms-dek-supplier.js'
import { DekRotation } from '../../../src/keys/sealing/dek-rotation.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import { cmkOf } from '../../support/cmks.js'
import type { CheckedEncryptRule } from '../../../src/config/checked.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { takenDeks } from '../spy-deks.js'

const HOUR = 3_600_000
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

/** A sealing key on a KMS that nothing guards: it answers whenever it likes, aborted or not. */
async function sealing(rotate: Partial<CheckedEncryptRule['rotate']> = {}, graceMs = 0, prefetchMs = 0) {
  const kms = new MemoryKms()
  const clock = new FakeClock()
  const events = new EventHub()
  const cmk = await cmkOf('memory', kms, 'cmk')
  const encrypt = {
    rotate: { maxAgeMs: 24 * HOUR, maxMessages: 2 ** 32, maxBytes: 2 ** 38, ...rotate },
    context: {},
    prefetchMs,
    graceMs,
    dekTimeoutMs: 5000,
  } as CheckedEncryptRule
  const scope: SealingScope = {
    rule: 'r',
    topic: undefined,
    encrypt,
    cmks: CmkSet.forSealing([cmk]),
    suite: DEFAULT_SUITE,
  }
  const key = new DekRotation(scope, new KmsDekSupplier(scope, undefined, clock, events), clock, events)
  const retired: EncryptionEvents['dek.retired']['reason'][] = []
  events.on('dek.retired', ({ reason }) => retired.push(reason))
  const ready = (): Promise<void> => key.ready(5000)
  return { kms, clock, key, events, retired, ready }
}

describe('ready', () => {
  it('ready() makes no call if a DEK is there', async () => {
    const { kms, key, ready } = await sealing()
    await ready()
    await ready()
    expect(kms.calls).toHaveLength(1)
    expect(key.state()).toMatchObject({ state: 'ready' })
  })

  it('ready() keeps waiting if the DEK in flight is dropped: the next one is requested immediately', async () => {
    const { kms, key, ready } = await sealing()
    kms.hold = true
    const done: string[] = []
    const waiting = ready().then(() => done.push('ready'))
    await kms.waitForHeld()
    key.evict('cmk')
    kms.held[0]?.succeed()
    await kms.waitForHeld()
    await settle()
    expect(done).toEqual([])
    expect(key.state().state).toBe('fetching')
    kms.held[0]?.succeed()
    await waiting
    expect(key.state().state).toBe('ready')
    expect(kms.calls).toHaveLength(2)
  })

  it('a DEK that was dropped and arrives after its successor changes nothing, and is destroyed', async () => {
    const { kms, key, ready } = await sealing()
    const taken = takenDeks()
    kms.hold = true
    const waiting = [ready()]
    await kms.waitForHeld()
    key.evict('cmk')
    waiting.push(ready())
    await kms.waitForHeld(2)
    kms.held[1]?.succeed()
    await waiting[1]
    const { sessionId } = key.state()
    kms.held[0]?.succeed()
    await waiting[0]
    await settle()
    expect(key.state()).toMatchObject({ state: 'ready', sessionId })
    expect(kms.calls).toHaveLength(2)
    await key.close()
    expect(taken.map(({ destroyed }) => destroyed)).toEqual([true, true])
  })

  it('the end of calls that were dropped does not hide the call after them', async () => {
    const { kms, key, ready } = await sealing({ maxMessages: 1 })
    const drops = 5
    kms.hold = true
    const dropped = ready()
    for (let i = 0; i < drops; i++) {
      await kms.waitForHeld()
      key.evict('cmk')
      kms.held[0]?.succeed()
    }
    await kms.waitForHeld()
    // The caller that gets the DEK uses it up, and asks for the next one immediately.
    const next = ready().then(() => {
      key.reserve([1], 0)?.release()
      return ready()
    })
    kms.held[0]?.succeed()
    await kms.waitForHeld()
    await dropped
    await settle()
    const shared = ready()
    await settle()
    expect(kms.calls).toHaveLength(drops + 2)
    for (const held of [...kms.held]) held.succeed()
    await Promise.all([next, shared])
  })
})

it('ready() asks again if a listener ended the call that it began', async () => {
  const { kms, clock, key, events, retired, ready } = await sealing({ maxAgeMs: HOUR })
  await ready()
  events.on('dek.retired', ({ reason }) => {
    if (reason === 'age') key.evict('cmk')
  })
  kms.hold = true
  // No timer notices it: `ready` does.
  clock.sleep(HOUR)
  const waiting = ready()
  await kms.waitForHeld()
  for (const held of [...kms.held]) held.succeed()
  await waiting
  expect(retired).toEqual(['age'])
  expect(key.state().state).toBe('ready')
})

it('a grant comes from the next DEK immediately if the first turns out to be too old', async () => {
  const { clock, key, retired, ready } = await sealing({ maxAgeMs: 2 * HOUR }, 0, HOUR)
  clock.jitter = () => 0
  await ready()
  const first = key.reserve([1], 0)
  clock.advance(HOUR)
  await settle()
  clock.sleep(HOUR)
  const second = key.reserve([1], 0)
  expect(second?.count).toBe(1)
  expect(second?.session).not.toBe(first?.session)
  expect(retired).toEqual(['age'])
})

describe('rotation', () => {
  it('rotate() fetches no DEK if none was in use', async () => {
    const { kms, key, ready } = await sealing()
    await key.rotate()
    await ready()
    key.evict('cmk')
    await key.rotate()
    expect(kms.calls).toHaveLength(1)
    expect(key.state()).toEqual({ rule: 'r', state: 'empty' })
  })

  it('rotate() while a DEK is in flight ends with the next one', async () => {
    const { kms, key, ready } = await sealing()
    kms.hold = true
    const waiting = ready()
    await kms.waitForHeld()
    const done: string[] = []
    const rotating = key.rotate().then(() => done.push('rotated'))
    await settle()
    expect(done).toEqual([])
    for (const held of [...kms.held]) held.succeed()
    await Promise.all([waiting, rotating])
    expect(key.state().state).toBe('ready')
    expect(kms.calls).toHaveLength(2)
  })
})

it('a grace never exceeds the caps of a content key, and there is no second grace', async () => {
  const { kms, clock, key, retired, ready } = await sealing({ maxAgeMs: 1000 }, 24 * HOUR)
  await ready()
  key.reserve([1], 0)?.release()
  kms.failure = new EnvelopeError('KMS_UNAVAILABLE', 'away')
  clock.advance(1000)
  await ready()
  expect(key.state()).toMatchObject({ state: 'grace', messages: 1 })
  const most = 2 ** 38 - 1
  expect(key.reserve([most, 1], 0)?.count).toBe(1)
  expect(retired).toEqual(['bytes'])
  expect(key.reserve([1], 0)).toBeUndefined()
  expect(key.state().grace).toBeUndefined()
})

describe('a grant', () => {
  it('a grant has at least one record: a record that no longer fits ends the DEK', async () => {
    const { key, ready, retired } = await sealing({ maxBytes: 1000 })
    await ready()
    const grant = key.reserve([600], 0)
    expect(grant?.count).toBe(1)
    expect(retired).toEqual([])
    expect(key.reserve([600], 0)).toBeUndefined()
    expect(retired).toEqual(['bytes'])
    grant?.release()
  })

  it('a grant that leaves a record out ends the DEK with it', async () => {
    const { key, ready, retired } = await sealing({ maxBytes: 1000 })
    await ready()
    expect(key.reserve([600, 600], 0)?.count).toBe(1)
    expect(retired).toEqual(['bytes'])
  })

  it('a grant for no records ends no DEK', async () => {
    const { key, ready, retired } = await sealing()
    await ready()
    expect(key.reserve([], 0)?.count).toBe(0)
    expect([key.state().state, retired]).toEqual(['ready', []])
  })

  it('a grant has the records that fit, and a DEK that is used up ends immediately', async () => {
    const { key, ready, retired } = await sealing({ maxBytes: 1000, maxMessages: 10 })
    await ready()
    expect(key.reserve([9999, 400, 600, 1], 1)?.count).toBe(2)
    expect(retired).toEqual(['bytes'])
    expect(key.state().state).toBe('empty')
    await ready()
    expect(key.reserve(Array<number>(12).fill(1), 0)?.count).toBe(10)
    expect(retired).toEqual(['bytes', 'messages'])
  })
})

describe('the age of an idle DEK', () => {
  it('the age of an idle DEK ends it exactly, even if it is not a multiple of the longest timer', async () => {
    const { key, clock, ready, retired } = await sealing({ maxAgeMs: 1.5 * HOUR })
    await ready()
    clock.advance(1.5 * HOUR - 1)
    expect(key.state()).toMatchObject({ state: 'ready', ageMs: 1.5 * HOUR - 1 })
    clock.advance(1)
    expect(retired).toEqual(['age'])
    expect(clock.timers).toBe(0)
  })

  it('the age of an idle DEK leaves no negative time, even after a sleep that no timer has noticed', async () => {
    const { key, clock, ready } = await sealing({ maxAgeMs: HOUR })
    await ready()
    clock.sleep(2 * HOUR)
    expect(key.state()).toMatchObject({ ageMs: 2 * HOUR, rotatesInMs: 0 })
  })

  it('the age of an idle DEK ends it within an hour after the machine slept through it', async () => {
    const { clock, ready, retired } = await sealing({ maxAgeMs: 7 * 24 * HOUR })
    await ready()
    clock.sleep(8 * 24 * HOUR)
    clock.advance(HOUR)
    expect(retired).toEqual(['age'])
  })
})

it('a revocation reaches the supplier even after the end, because a store must not keep what was revoked', async () => {
  const { key, ready } = await sealing()
  await ready()
  await key.close()
  const revoke = vi.spyOn(KmsDekSupplier.prototype, 'revoke')
  key.evict('another')
  expect(revoke).not.toHaveBeenCalled()
  key.evict('cmk')
  expect(revoke).toHaveBeenCalledOnce()
  revoke.mockRestore()
})

it('a denial reaches the supplier, so that no other process starts with the denied DEK', async () => {
  const { kms, clock, key, retired, ready } = await sealing({ maxAgeMs: 2 * HOUR }, 0, HOUR)
  clock.jitter = () => 0
  await ready()
  key.reserve([1], 0)?.release()
  const revoke = vi.spyOn(KmsDekSupplier.prototype, 'revoke')
  kms.failure = new EnvelopeError('KMS_DENIED', 'no')
  clock.advance(HOUR)
  await settle()
  expect(retired).toEqual(['denied'])
  expect(revoke).toHaveBeenCalledOnce()
  revoke.mockRestore()
})

it('the reason of an end names its cause', async () => {
  const { key, ready, retired } = await sealing()
  await ready()
  await key.rotate()
  key.evict('another')
  key.evict('cmk')
  await ready()
  await key.close()
  await key.close()
  expect(retired).toEqual(['manual', 'evicted', 'closed'])
})

it('sends that wait are woken in the order in which they came, even if the call that they waited for was dropped', async () => {
  const { kms, key, ready } = await sealing()
  kms.hold = true
  const order: string[] = []
  const first = ready().then(() => order.push('first'))
  await kms.waitForHeld()
  key.evict('cmk')
  const second = ready().then(() => order.push('second'))
  await kms.waitForHeld(2)
  kms.held[1]?.succeed()
  await Promise.all([first, second])
  expect(order).toEqual(['first', 'second'])
})

it('sends that wait get the next DEK even if the call that was dropped never ends', async () => {
  const { kms, key, ready } = await sealing()
  kms.hold = true
  const waiting = ready()
  await kms.waitForHeld()
  key.evict('cmk')
  await kms.waitForHeld(2)
  kms.held[1]?.succeed()
  await waiting
  expect(key.state().state).toBe('ready')
})

it('a DEK that is kept past its limit ends in time, even if the KMS does not answer and no send comes', async () => {
  const { kms, clock, key, retired, ready } = await sealing({ maxMessages: 1 }, HOUR / 2)
  await ready()
  kms.hold = true
  key.reserve([1], 0)?.release()
  expect(key.state().state).toBe('fetching')
  clock.advance(HOUR / 2 - 1)
  expect(retired).toEqual([])
  clock.advance(1)
  expect(retired).toEqual(['messages'])
})

it('the age of the next DEK counts a sleep, even if the wall clock is set back after it', async () => {
  const { clock, key, retired, ready } = await sealing({ maxAgeMs: 2 * HOUR }, 0, HOUR)
  clock.jitter = () => 0
  await ready()
  key.reserve([1], 0)?.release()
  clock.advance(HOUR)
  await settle()
  expect(key.state()).toMatchObject({ state: 'ready', nextReady: true })
  clock.sleep(1.5 * HOUR)
  key.state()
  clock.step(-1.5 * HOUR)
  await ready()
  // The first one is too old; the next one, which slept for an hour and a half, takes over for half an hour.
  expect(retired).toEqual(['age'])
  clock.advance(HOUR / 2 - 1)
  expect(retired).toEqual(['age'])
  clock.advance(1)
  expect(retired).toEqual(['age', 'age'])
})
