import { describe, expect, it } from 'vitest'
import type { DekCacheConfig, Encryption, Duration } from '../../../src/index.js'
import { compose } from '../../../src/encryption.js'
import { EnvelopeError } from '../../../src/errors.js'
import { checkConfig } from '../../../src/config/check.js'
import type { ReadRecord } from '../../../src/record/index.js'
import { CANARY } from '../../support/emissions.js'
import { watch, type SeenEvent } from '../../support/encryption.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

interface Reader {
  readonly encryption: Encryption
  readonly kms: MemoryKms
  readonly clock: FakeClock
  readonly events: SeenEvent[]
  /** Records each under a DEK of its own. */
  readonly sealed: ReadRecord[]
  open(records: readonly ReadRecord[]): Promise<string[]>
  unwraps(): number
}

async function reader(deks: number, cache: DekCacheConfig = {}): Promise<Reader> {
  const kms = new MemoryKms()
  const clock = new FakeClock()
  const config = checkConfig({
    kms: { memory: kms },
    cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
    topics: [
      {
        match: ['t'],
        encrypt: { cmk: 'main', rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0 } },
        decrypt: { cmk: 'main' },
      },
    ],
    cache,
  })
  const encryption = await compose(config, clock)
  const events = watch(encryption)
  const plain = Array.from({ length: deks }, (_, i) => ({ topic: 't', value: `${CANARY} ${String(i)}` }))
  return {
    encryption,
    kms,
    clock,
    events,
    sealed: await sealRecords(encryption, plain),
    open: async (records) =>
      (await openRecords(encryption, records)).map(
        ({ value, error }) => error?.code ?? value?.toString() ?? 'null',
      ),
    unwraps: () => kms.calls.filter(({ operation }) => operation === 'unwrap').length,
  }
}

const values = (count: number): string[] => Array.from({ length: count }, (_, i) => `${CANARY} ${String(i)}`)

describe('the cache', () => {
  it('the cache unwraps each DEK once, and those of a batch together; concurrent misses share a call', async () => {
    const { kms, sealed, open, unwraps } = await reader(5)
    kms.hold = true
    const batches = [open(sealed), open(sealed), open(sealed.slice(2))]
    await kms.waitForHeld(5)
    await settle()
    expect(unwraps()).toBe(5)
    for (const held of [...kms.held].reverse()) held.succeed()
    expect(await Promise.all(batches)).toEqual([values(5), values(5), values(5).slice(2)])
    kms.hold = false
    await open(sealed)
    expect(unwraps()).toBe(5)
  })

  it('a cache that is smaller than the DEKs of a batch stays within its bound, and the batch opens all the same', async () => {
    const { encryption, clock, sealed, open, events } = await reader(5, { maxDeks: 1 })
    expect(await open([...sealed, ...sealed])).toEqual([...values(5), ...values(5)])
    expect(encryption.health().openedDeks).toBe(1)
    expect(clock.timers).toBe(1)
    expect(events.filter((e) => e.name === 'dek.destroyed' && e.side === 'opening')).toHaveLength(4)
    expect(await open(sealed)).toEqual(values(5))
  })

  it('a failure is not remembered, and does not affect other records of the batch', async () => {
    const { kms, sealed, open } = await reader(3)
    kms.hold = true
    const opening = open(sealed)
    await kms.waitForHeld(3)
    kms.hold = false
    kms.held[1]?.fail(new EnvelopeError('KMS_DENIED', 'busy'))
    for (const held of [...kms.held]) held.succeed()
    expect(await opening).toEqual([`${CANARY} 0`, 'KMS_DENIED', `${CANARY} 2`])
    expect(await open(sealed)).toEqual(values(3))
  })
})

describe('the time to live', () => {
  it.each(['advance', 'sleep', 'step'] as const)(
    'the time to live ends an opened DEK, whatever the clock does (%s)',
    async (how) => {
      const { kms, clock, sealed, open, unwraps } = await reader(1, { ttl: '1h' })
      await open(sealed)
      clock[how](3_599_999)
      expect(await open(sealed)).toEqual(values(1))
      expect(unwraps()).toBe(1)
      clock[how](1)
      kms.failure = new EnvelopeError('CMK_DISABLED', 'off')
      expect(await open(sealed)).toEqual(['CMK_DISABLED'])
    },
  )

  it('the time to live is not prolonged by a wall clock that is set back', async () => {
    const { clock, sealed, open, unwraps } = await reader(1, { ttl: '1h' })
    clock.step(7_200_000)
    await open(sealed)
    clock.step(-7_200_000)
    clock.advance(3_600_000)
    await open(sealed)
    expect(unwraps()).toBe(2)
  })

  it('the time to live ends idle keys without any access, even after days, and leaves no timer', async () => {
    const { encryption, clock, sealed, open } = await reader(2, { ttl: '7d' })
    await open(sealed)
    clock.advance(6 * 86_400_000)
    expect(encryption.health().openedDeks).toBe(2)
    clock.advance(86_400_000)
    expect(encryption.health().openedDeks).toBe(0)
    await encryption.close()
    expect(clock.timers).toBe(0)
  })
})

describe('evict() and close()', () => {
  it('evict() drops everything that came from a CMK, and the KMS is asked again', async () => {
    const { encryption, sealed, open, unwraps } = await reader(2)
    await open(sealed)
    encryption.evict('another')
    await open(sealed)
    expect(unwraps()).toBe(2)
    encryption.evict('cmk')
    expect(encryption.health().openedDeks).toBe(0)
    await open(sealed)
    expect(unwraps()).toBe(4)
  })

  it('evict() while a DEK is being unwrapped drops the answer, and the record may be tried again', async () => {
    const { encryption, kms, sealed, open, unwraps } = await reader(1)
    kms.hold = true
    const opening = open(sealed)
    await kms.waitForHeld()
    encryption.evict('cmk')
    expect(await opening).toEqual(['KMS_TIMEOUT'])
    kms.held[0]?.succeed()
    await settle()
    expect(encryption.health().openedDeks).toBe(0)
    kms.hold = false
    expect(await open(sealed)).toEqual(values(1))
    expect(unwraps()).toBe(2)
  })

  it('evict() while a DEK is being unwrapped: later callers share one new call, and calls for other CMKs continue', async () => {
    const { encryption, kms, sealed, open, unwraps } = await reader(1)
    kms.hold = true
    const dropped = open(sealed)
    await kms.waitForHeld()
    encryption.evict('another')
    encryption.evict('cmk')
    const second = open(sealed)
    expect(await dropped).toEqual(['KMS_TIMEOUT'])
    await settle()
    const third = open(sealed)
    await settle()
    expect(unwraps()).toBe(2)
    encryption.evict('another')
    for (const held of [...kms.held]) held.succeed()
    expect(await Promise.all([second, third])).toEqual([values(1), values(1)])
    expect(unwraps()).toBe(2)
    expect(encryption.health().openedDeks).toBe(1)
  })

  it.each(['evict', 'close'] as const)(
    '%s at any moment while an unwrap ends leaves nothing of its result',
    async (how) => {
      for (let moment = 0; moment < 30; moment++) {
        const { encryption, kms, clock, sealed, events } = await reader(1)
        kms.hold = true
        const opening = openRecords(encryption, sealed).catch(() => undefined)
        await kms.waitForHeld()
        kms.held[0]?.succeed()
        for (let i = 0; i < moment; i++) await Promise.resolve()
        if (how === 'evict') encryption.evict('cmk')
        else await encryption.close()
        await opening
        await settle()
        expect([moment, encryption.health().openedDeks, clock.timers]).toEqual([moment, 0, 0])
        const ends = events.filter((e) => e.name === 'dek.destroyed' && e.side === 'opening')
        expect(ends.length).toBeLessThanOrEqual(1)
      }
    },
  )

  it('close() while the nearest of two CMKs is asked: the other one is no longer asked', async () => {
    const kms = new MemoryKms()
    const topics = [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }]
    const cmks = {
      main: [
        { kms: 'memory', id: 'a' },
        { kms: 'memory', id: 'b' },
      ],
    }
    const encryption = await compose(checkConfig({ kms: { memory: kms }, cmks, topics }), new FakeClock())
    const sealed = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
    kms.hold = true
    const opening = openRecords(encryption, sealed)
    await kms.waitForHeld()
    kms.hold = false
    await encryption.close()
    await expect(opening).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    expect(kms.calls.filter(({ operation }) => operation === 'unwrap')).toHaveLength(1)
    expect(encryption.health().openedDeks).toBe(0)
  })

  it('close() ends waits and wipes everything, and nothing opens after it', async () => {
    const { encryption, kms, clock, sealed, events } = await reader(2)
    await openRecords(encryption, sealed.slice(0, 1))
    kms.hold = true
    const opening = openRecords(encryption, sealed)
    await kms.waitForHeld()
    await encryption.close()
    await expect(opening).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    await expect(openRecords(encryption, sealed)).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    kms.held[0]?.succeed()
    await settle()
    expect(events.filter((e) => e.name === 'dek.destroyed' && e.side === 'opening')).toHaveLength(1)
    expect(clock.timers).toBe(0)
  })
})

describe('the age of a sealing DEK', () => {
  async function sealing(maxAge: Duration) {
    const kms = new MemoryKms()
    const clock = new FakeClock()
    // Without prefetch, so that each call to the KMS is for a DEK that has ended.
    const topics = [{ match: ['t'], encrypt: { cmk: 'main', rotate: { maxAge, prefetch: 0 } } } as const]
    const config = checkConfig({
      kms: { memory: kms },
      cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
      topics,
    })
    const encryption = await compose(config, clock)
    const events = watch(encryption)
    return {
      kms,
      clock,
      encryption,
      events,
      seal: () => sealRecords(encryption, [{ topic: 't', value: CANARY }]),
    }
  }

  it.each(['advance', 'sleep', 'step'] as const)(
    'the age of a sealing DEK ends it exactly, whatever the clock does (%s)',
    async (how) => {
      const { kms, clock, seal, events } = await sealing('24h')
      await seal()
      clock[how](86_399_999)
      await seal()
      expect(kms.calls).toHaveLength(1)
      clock[how](1)
      await seal()
      expect(kms.calls).toHaveLength(2)
      expect(events.find(({ name }) => name === 'dek.retired')).toMatchObject({
        reason: 'age',
        messages: 2,
        ageMs: 86_400_000,
      })
    },
  )

  it('the age of a sealing DEK ends an idle one by a timer, even beyond the 24.8 days of a Node.js timer, and leaves no timer', async () => {
    const { clock, encryption, seal, events } = await sealing('60d')
    await seal()
    clock.advance(59 * 86_400_000)
    expect(events.some(({ name }) => name === 'dek.retired')).toBe(false)
    clock.advance(86_400_000)
    expect(events.map(({ name }) => name)).toEqual(expect.arrayContaining(['dek.retired', 'dek.destroyed']))
    expect(clock.timers).toBe(0)
    await seal()
    await encryption.close()
    expect(clock.timers).toBe(0)
  })

  it('the age of a sealing DEK is not prolonged by a wall clock that is set back', async () => {
    const { kms, clock, seal } = await sealing('24h')
    await seal()
    clock.step(-7 * 86_400_000)
    clock.advance(86_400_000)
    await seal()
    expect(kms.calls).toHaveLength(2)
  })
})
