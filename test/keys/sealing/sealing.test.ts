import { describe, expect, it, vi } from 'vitest'
import type { RotationConfig } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { parts, perSession } from '../../support/sealed.js'
import { sealRecords } from '../../../src/record/index.js'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

function records(count: number, topic = 't', size = 0): { topic: string; value: string }[] {
  return Array.from({ length: count }, (_, i) => ({ topic, value: `${CANARY} ${String(i)}`.padEnd(size) }))
}

async function owner(rotate: RotationConfig = {}, more: object = {}) {
  const rule = { match: ['t', 'u'], encrypt: { cmk: 'main', rotate, ...more }, decrypt: { cmk: 'main' } }
  const made = await memoryEncryption([rule])
  const seal = async (count: number, topic?: string, size?: number): Promise<(Buffer | null)[]> =>
    (await sealRecords(made.encryption, records(count, topic, size))).map(({ value }) => value)
  return { ...made, seal }
}

describe('sharing', () => {
  it('64 concurrent cold sends make one KMS call', async () => {
    const { kms, seal } = await owner()
    kms.hold = true
    const sends = Array.from({ length: 64 }, () => seal(1))
    await kms.waitForHeld()
    expect(kms.calls).toHaveLength(1)
    kms.held[0]?.succeed()
    const sealed = (await Promise.all(sends)).flat()
    expect(kms.calls).toHaveLength(1)
    expect(perSession(sealed)).toEqual([64])
    expect(sealed.map((value) => parts(value).counter)).toEqual(sealed.map((_, i) => i))
  })

  it('a failure is not remembered: the next send asks again', async () => {
    const { kms, seal } = await owner()
    kms.failure = new EnvelopeError('KMS_THROTTLED', 'busy')
    const failures = await Promise.all([seal(1), seal(1)].map((sending) => thrownBy(() => sending)))
    expect(failures).toMatchObject([{ code: 'KMS_THROTTLED' }, { code: 'KMS_THROTTLED' }])
    kms.failure = undefined
    expect(await seal(1)).toHaveLength(1)
  })
})

describe('limits', () => {
  it.each([1, 7, 10])(
    'the limit maxMessages: %i holds exactly, and a batch that crosses it is split there',
    async (limit) => {
      const { seal, events } = await owner({ maxMessages: limit, allowFrequentRotation: true })
      const sealed = await seal(25)
      const full = Array.from({ length: Math.floor(25 / limit) }, () => limit)
      expect(perSession(sealed)).toEqual(25 % limit === 0 ? full : [...full, 25 % limit])
      const retired = events.filter(({ name }) => name === 'dek.retired')
      expect(retired).toHaveLength(Math.floor(25 / limit))
      for (const event of retired) expect(event).toMatchObject({ reason: 'messages', messages: limit })
    },
  )

  it('the limit maxBytes holds exactly: a DEK never seals more, and never ends early', async () => {
    const { seal, events } = await owner({ maxBytes: 1000, allowFrequentRotation: true })
    expect(perSession(await seal(10, 't', 300))).toEqual([3, 3, 3, 1])
    expect(events.filter(({ name }) => name === 'dek.retired')).toMatchObject(
      Array.from({ length: 3 }, () => ({ reason: 'bytes', messages: 3, bytes: 900 })),
    )
    // Exactly full is not over.
    const exact = await owner({ maxBytes: 900, allowFrequentRotation: true })
    expect(perSession(await exact.seal(6, 't', 300))).toEqual([3, 3])
  })

  it('a record that no DEK may seal is refused before anything is sealed', async () => {
    const { seal, kms } = await owner({ maxBytes: 1000, allowFrequentRotation: true })
    expect(await thrownBy(() => seal(1, 't', 1001))).toMatchObject({
      code: 'DEK_LIMIT_TOO_SMALL',
      message: expect.stringMatching(/1001 bytes .*1000 bytes .*rule t /) as string,
    })
    expect(kms.calls).toHaveLength(0)
    expect(await seal(1, 't', 1000)).toHaveLength(1)
  })

  it('limits hold with concurrent senders, whatever the order of completions', async () => {
    const { seal, kms } = await owner({ maxMessages: 5, allowFrequentRotation: true })
    kms.hold = true
    const sends = Array.from({ length: 12 }, (_, i) => seal((i % 4) + 1))
    const all = Promise.all(sends)
    const progress = { done: false }
    void all.then(() => (progress.done = true))
    while (!progress.done) {
      await settle()
      expect(kms.held.length).toBeLessThanOrEqual(1)
      kms.held[0]?.succeed()
    }
    const counts = perSession((await all).flat())
    expect(counts.every((count) => count <= 5)).toBe(true)
    expect(counts.reduce((a, b) => a + b)).toBe(30)
    expect(counts).toHaveLength(6)
  })

  it('`dekScope: topic` gives each topic its own DEK; otherwise the topics of the rule share one', async () => {
    const shared = await owner()
    expect(parts((await shared.seal(1, 't'))[0] ?? null).session).toBe(
      parts((await shared.seal(1, 'u'))[0] ?? null).session,
    )
    const own = await owner({}, { dekScope: 'topic' })
    expect(parts((await own.seal(1, 't'))[0] ?? null).session).not.toBe(
      parts((await own.seal(1, 'u'))[0] ?? null).session,
    )
    expect(own.events.filter(({ name }) => name === 'dek.created')).toMatchObject([
      { topic: 't' },
      { topic: 'u' },
    ])
    expect(own.encryption.health().sealingKeys).toMatchObject([{ topic: 't' }, { topic: 'u' }])
    await own.encryption.rotate()
    expect(own.events.filter(({ name }) => name === 'dek.retired')).toMatchObject([
      { topic: 't' },
      { topic: 'u' },
    ])
    expect(shared.encryption.health().sealingKeys).toHaveLength(1)
    const ofDeks = shared.events.filter(({ name }) => name.startsWith('dek.'))
    for (const one of [...ofDeks, ...shared.encryption.health().sealingKeys])
      expect(one).not.toHaveProperty('topic')
  })
})

describe('every waiter ends', () => {
  it('every waiter ends at its deadline, with a code that says so; a late answer still serves the next waiter', async () => {
    const { seal, kms, events } = await owner({}, { dekTimeout: '30ms' })
    kms.hold = true
    expect(await thrownBy(() => seal(1))).toMatchObject({
      code: 'KEY_WAIT_TIMEOUT',
      kind: 'transient',
      message: expect.stringMatching(/rule t within \d+ ms/) as string,
    })
    const waits = (): unknown => events.filter(({ name }) => name === 'dek.waited')
    const wait = { name: 'dek.waited', rule: 't', waitedMs: expect.any(Number) as number }
    expect(waits()).toStrictEqual([{ ...wait, outcome: 'failed', code: 'KEY_WAIT_TIMEOUT' }])
    kms.held[0]?.succeed()
    await settle()
    expect(await seal(1)).toHaveLength(1)
    expect(kms.calls).toHaveLength(1)
  })

  it('every waiter ends when the owner closes, and nothing is sealed after that', async () => {
    const { encryption, seal, kms, events } = await owner()
    await seal(1)
    await encryption.rotate()
    kms.hold = true
    const rotating = thrownBy(() => encryption.rotate())
    await kms.waitForHeld()
    const waiting = thrownBy(() => seal(1))
    await encryption.close()
    const closed = {
      code: 'ENCRYPTION_CLOSED',
      message: expect.stringContaining('the encryption was closed') as string,
    }
    expect([await rotating, await waiting]).toMatchObject([closed, closed])
    kms.held[0]?.succeed()
    await settle()
    expect(await thrownBy(() => seal(1))).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    expect(encryption.health()).toMatchObject({ status: 'closed' })
    expect(kms.closed).toBe(true)
    const created = events.filter((event) => event.name === 'dek.created')
    expect(created).toHaveLength(2)
    const destroyed = { name: 'dek.destroyed', side: 'sealing', cmkId: 'cmk' }
    expect(events.filter(({ name }) => name === 'dek.destroyed')).toEqual(
      created.map(({ sessionId }) => ({ ...destroyed, sessionId })),
    )
    await encryption.close()
  })
})

it('an owner that was closed makes no keys for rules that were never used', async () => {
  const { encryption, seal, kms } = await owner()
  await encryption.close()
  expect(await thrownBy(() => seal(1))).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  expect(kms.calls).toEqual([])
})

it('a wait that ended leaves no timer', async () => {
  const { seal, kms } = await owner()
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  kms.hold = true
  const before = timers()
  const sealing = seal(1)
  await kms.waitForHeld()
  expect(timers()).toBeGreaterThan(before)
  kms.held[0]?.succeed()
  await sealing
  // The runner has timers too, which come and go.
  await vi.waitFor(() => {
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

describe('rotate() and evict()', () => {
  it('rotate() and evict() end only the DEKs of the given rule or CMK', async () => {
    const kms = new MemoryKms()
    const { encryption } = await memoryEncryption(
      ['t', 'u'].map((topic) => ({ match: [topic], encrypt: { cmk: topic } })),
      { kms, cmks: { t: [{ kms: 'memory', id: 'a' }], u: [{ kms: 'memory', id: 'b' }] } },
    )
    const sessions = async (): Promise<string[]> =>
      (await sealRecords(encryption, [...records(1, 't'), ...records(1, 'u')])).map(
        ({ value }) => parts(value).session,
      )
    const first = await sessions()
    await encryption.rotate('u')
    const second = await sessions()
    expect([second[0] === first[0], second[1] === first[1]]).toEqual([true, false])
    encryption.evict('a')
    const third = await sessions()
    expect([third[0] === second[0], third[1] === second[1]]).toEqual([false, true])
    await encryption.rotate()
    const fourth = await sessions()
    expect([fourth[0] === third[0], fourth[1] === third[1]]).toEqual([false, false])
  })

  it('rotate() and evict() end the current DEK immediately, and fetch the next only if one was in use', async () => {
    const { encryption, seal, kms, events } = await owner()
    await encryption.rotate()
    expect(kms.calls).toHaveLength(0)
    const before = parts((await seal(1))[0] ?? null).session
    await encryption.rotate('t')
    const after = parts((await seal(1))[0] ?? null).session
    expect(after).not.toBe(before)
    expect(kms.calls).toHaveLength(2)
    encryption.evict('other')
    expect(parts((await seal(1))[0] ?? null).session).toBe(after)
    encryption.evict('cmk')
    expect(parts((await seal(1))[0] ?? null).session).not.toBe(after)
    expect(events.filter(({ name }) => name === 'dek.retired')).toMatchObject([
      { reason: 'manual', messages: 1 },
      { reason: 'evicted', messages: 2 },
    ])
    expect(await thrownBy(() => encryption.rotate('no such rule'))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it.each(['rotate', 'evict'] as const)(
    '%s while a DEK is in flight: it is dropped, and waiting sends get a newer one',
    async (action) => {
      const { encryption, seal, kms, events } = await owner()
      kms.hold = true
      const sending = seal(1)
      await kms.waitForHeld()
      const acting = action === 'rotate' ? encryption.rotate() : undefined
      if (action === 'evict') encryption.evict('cmk')
      await kms.waitForHeld(2)
      // The second answers first; the first, which was given up, answers into the void.
      kms.held[1]?.succeed()
      const sealed = await sending
      await acting
      kms.held[0]?.succeed()
      await settle()
      expect(perSession([...sealed, ...(await seal(2))])).toEqual([3])
      expect(kms.calls).toHaveLength(2)
      expect(events.filter(({ name }) => name === 'dek.created')).toHaveLength(1)
    },
  )

  it('sealing under several CMKs needs all of them, and the envelope has all wrappings', async () => {
    const kms = new MemoryKms()
    const second = new MemoryKms({ provider: 'memory/other' })
    const { encryption, events } = await memoryEncryption(
      [{ match: ['t'], encrypt: { cmk: 'both' }, decrypt: { cmk: 'both' } }],
      {
        kms,
        cmks: {
          both: [
            { kms: 'memory', id: 'a' },
            { kms: 'memory', id: 'b' },
          ],
        },
      },
    )
    const [sealed] = await sealRecords(encryption, records(1))
    expect(parts(sealed?.value ?? null).wrappedDeks.map(({ cmkId }) => cmkId)).toEqual(['a', 'b'])
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate', 'wrap'])
    expect(events.filter(({ name }) => name === 'dek.created')).toMatchObject([{ cmkIds: ['a', 'b'] }])
    await encryption.rotate()
    kms.hold = true
    encryption.evict('a')
    const failing = thrownBy(() => sealRecords(encryption, records(1)))
    await kms.waitForHeld()
    kms.held[0]?.succeed()
    await kms.waitForHeld()
    kms.held[0]?.fail(new EnvelopeError('CMK_DISABLED', 'off'))
    expect(await failing).toMatchObject({ code: 'CMK_DISABLED' })
    expect(second.calls).toHaveLength(0)
  })
})
