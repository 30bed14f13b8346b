import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { DekStore, StoredDek, RenewedEncryptRule, ProvisionedEncryptRule } from '../../../src/index.js'
import { EnvelopeError } from '../../../src/errors.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { thrownBy } from '../../support/emissions.js'
import { parts, perSession } from '../../support/sealed.js'
import { owner, settle, type Owner } from '../owner.js'
import { openRecords } from '../../../src/record/index.js'

/** A store in memory that many processes share. */
class MemoryStore implements DekStore {
  readonly deks = new Map<string, StoredDek>()
  failure: Error | undefined
  stalls = false

  load(scope: string): Promise<StoredDek | undefined> {
    return this.#turn(() => this.deks.get(scope))
  }
  save(scope: string, dek: StoredDek): Promise<void> {
    return this.#turn(() => void this.deks.set(scope, dek))
  }
  remove(scope: string): Promise<void> {
    return this.#turn(() => void this.deks.delete(scope))
  }
  #turn<T>(run: () => T): Promise<T> {
    if (this.stalls) return new Promise(() => undefined)
    return this.failure === undefined ? Promise.resolve(run()) : Promise.reject(this.failure)
  }
}

const stage = () => ({ kms: new MemoryKms(), clock: new FakeClock(), store: new MemoryStore() })

type Stage = ReturnType<typeof stage>

/** A process: its own owner on the common KMS, clock and store. */
const process = ({ kms, clock, store }: Stage, encrypt: Partial<RenewedEncryptRule> = {}): Promise<Owner> =>
  owner({
    kms,
    clock,
    encrypt: { rotate: { maxAge: '24h', prefetch: '1h' }, ...encrypt },
    config: { dekStore: store },
  })

const made = ({ kms }: Stage): number => kms.calls.filter(({ operation }) => operation === 'generate').length
const ciphertextOf = (value: Buffer | null): string =>
  parts(value).wrappedDeks[0]?.ciphertextDek.toString('hex') ?? ''

describe('a DEK store', () => {
  it('a DEK store lets 20 restarts a day use one DEK, each in its own session', async () => {
    const all = stage()
    const sealed: (Buffer | null)[] = []
    for (let n = 0; n < 20; n++) {
      const { seal, encryption, named } = await process(all)
      sealed.push(...(await seal(5)))
      expect(named('dek.created')).toMatchObject([{ origin: n === 0 ? 'made' : 'stored' }])
      await encryption.close()
      all.clock.advance(3_600_000)
    }
    expect(new Set(sealed.map(ciphertextOf)).size).toBe(1)
    expect(perSession(sealed)).toEqual(Array.from({ length: 20 }, () => 5))
    expect(made(all)).toBe(1)
    // Same counters, but under content keys of different sessions: no pair repeats.
    expect(new Set(sealed.map((v) => `${parts(v).session} ${String(parts(v).counter)}`)).size).toBe(100)
    const reader = await process(all)
    const opened = await openRecords(
      reader.encryption,
      sealed.map((value) => ({ topic: 't', value })),
    )
    expect(opened.filter(({ error }) => error)).toEqual([])
  })

  it('a DEK store counts the age of a DEK from when it was made, not from a restart', async () => {
    const all = stage()
    const first = await process(all)
    const [before] = await first.seal()
    await first.encryption.close()
    all.clock.advance(22 * 3_600_000)
    const second = await process(all)
    const [still] = await second.seal()
    expect(second.encryption.health().sealingKeys).toMatchObject([
      { ageMs: 22 * 3_600_000, rotatesInMs: 2 * 3_600_000 },
    ])
    all.clock.advance(2 * 3_600_000)
    await settle()
    const [after] = await second.seal()
    expect(ciphertextOf(still ?? null)).toBe(ciphertextOf(before ?? null))
    expect(ciphertextOf(after ?? null)).not.toBe(ciphertextOf(before ?? null))
    expect(second.named('dek.retired')).toMatchObject([{ reason: 'age', ageMs: 24 * 3_600_000 }])
  })

  it('a DEK store whose DEK is about to end is not used: a new DEK is made', async () => {
    const all = stage()
    await (await process(all)).seal()
    all.clock.advance(23 * 3_600_000)
    const next = await process(all)
    await next.seal()
    expect(next.named('dek.created')).toMatchObject([{ origin: 'made' }])
    expect(made(all)).toBe(2)
  })

  it('a DEK store shares a DEK among processes, and each may use a DEK that another one renewed', async () => {
    const all = stage()
    const [a, b] = [await process(all), await process(all)]
    const sealed = [...(await a.seal()), ...(await b.seal())]
    all.clock.advance(24 * 3_600_000 - 1000)
    await settle()
    all.clock.advance(1000)
    sealed.push(...(await a.seal()), ...(await b.seal()))
    expect(made(all)).toBeLessThanOrEqual(3)
    expect(perSession(sealed)).toEqual([1, 1, 1, 1])
  })

  it.each(['rotate', 'evict', 'denied'] as const)(
    'a DEK store never returns a DEK that was ended: %s',
    async (end) => {
      const all = stage()
      const { seal, encryption } = await process(all)
      const [before] = await seal()
      if (end === 'rotate') await encryption.rotate()
      else if (end === 'evict') encryption.evict('cmk')
      else {
        all.kms.failure = new EnvelopeError('CMK_DISABLED', 'off')
        all.clock.advance(24 * 3_600_000 - 1)
        await settle()
        all.kms.failure = undefined
      }
      await settle()
      const [after] = await (await process(all)).seal()
      expect(ciphertextOf(after ?? null)).not.toBe(ciphertextOf(before ?? null))
    },
  )

  it('a DEK that reached a limit by count is not stored again: counters hold per session, so it must not start over', async () => {
    const all = stage()
    const { seal } = await process(all, { rotate: { maxMessages: 3, allowFrequentRotation: true } })
    const sealed = await seal(9)
    expect(perSession(sealed)).toEqual([3, 3, 3])
    expect(new Set(sealed.map(ciphertextOf)).size).toBe(3)
  })

  it.each<[string, (stored: StoredDek) => unknown]>([
    ['made in the future', (dek) => ({ ...dek, createdAt: dek.createdAt + 1e9 })],
    ['of another CMK', (dek) => ({ ...dek, wrappings: [{ ...dek.wrappings[0], cmkId: 'other' }] })],
    ['of another provider', (dek) => ({ ...dek, wrappings: [{ ...dek.wrappings[0], provider: 'x' }] })],
    ['of another context', (dek) => ({ ...dek, context: { app: 'x' } })],
    ['with one wrapping too many', (dek) => ({ ...dek, wrappings: [...dek.wrappings, ...dek.wrappings] })],
  ])('a DEK %s is not used', async (_, change) => {
    const all = stage()
    await (await process(all)).seal()
    for (const [scope, dek] of all.store.deks) all.store.deks.set(scope, change(dek) as StoredDek)
    const next = await process(all)
    await next.seal()
    expect(next.named('dek.created')).toMatchObject([{ origin: 'made' }])
    expect(next.named('dek.storeFailed')).toEqual([])
  })

  it.each<[string, unknown]>([
    ['no object', 'x'],
    ['no wrappings', { createdAt: 1, context: {}, wrappings: [] }],
    [
      'a ciphertext that is not base64',
      { createdAt: 1, context: {}, wrappings: [{ provider: 'memory', cmkId: 'cmk', ciphertextDek: '?' }] },
    ],
    ['no age', { context: {}, wrappings: [{ provider: 'memory', cmkId: 'cmk', ciphertextDek: 'AAAA' }] }],
  ])('a damaged entry is not used, and causes an event: %s', async (_, damaged) => {
    const all = stage()
    await (await process(all)).seal()
    for (const scope of all.store.deks.keys()) all.store.deks.set(scope, damaged as StoredDek)
    const next = await process(all)
    await next.seal()
    expect(next.named('dek.created')).toMatchObject([{ origin: 'made' }])
    expect(next.named('dek.storeFailed')).toMatchObject([{ operation: 'load' }])
  })

  it.each<[string, (stored: StoredDek) => StoredDek]>([
    ['with another date', (dek) => ({ ...dek, createdAt: dek.createdAt + 1000 })],
    [
      'with the wrapping of another DEK',
      (dek) => ({
        ...dek,
        wrappings: dek.wrappings.map((wrapping, i) =>
          i === 1 ? { ...wrapping, ciphertextDek: 'AAAA' } : wrapping,
        ),
      }),
    ],
    ['with another MAC', (dek) => ({ ...dek, mac: Buffer.alloc(32).toString('base64') })],
  ])(
    'a stored DEK that was changed without knowing the DEK is not used, and causes an event: %s',
    async (_, change) => {
      const all = stage()
      const config = {
        dekStore: all.store,
        cmks: { main: ['a', 'b'].map((id) => ({ kms: 'memory', id })) },
      }
      await (await owner({ kms: all.kms, clock: all.clock, config })).seal()
      for (const [scope, dek] of all.store.deks) all.store.deks.set(scope, change(dek))
      const next = await owner({ kms: all.kms, clock: all.clock, config })
      await next.seal()
      expect(next.named('dek.created')).toMatchObject([{ origin: 'made' }])
      expect(next.named('dek.storeFailed')).toMatchObject([{ operation: 'unwrap', reason: 'UNWRAP_FAILED' }])
    },
  )

  it('a DEK store is not used by rules with a CMK whose public key wraps, since anyone could plant a DEK', async () => {
    const store = new MemoryStore()
    const { seal } = await owner({
      kms: new MemoryKms({ publicKeyWraps: true }),
      config: { dekStore: store },
    })
    await seal()
    expect(store.deks.size).toBe(0)
  })

  it.each(['rotate', 'evict'] as const)(
    '%s before the first send takes effect too: a new DEK is made',
    async (end) => {
      const all = stage()
      const [before] = await (await process(all)).seal()
      const { seal, encryption } = await process(all)
      if (end === 'rotate') await encryption.rotate()
      else encryption.evict('cmk')
      const [after] = await seal()
      expect(ciphertextOf(after ?? null)).not.toBe(ciphertextOf(before ?? null))
    },
  )

  it('a slow save does not undo a later removal', async () => {
    const all = stage()
    const { seal, encryption } = await process(all)
    const slow: (() => void)[] = []
    const save = all.store.save.bind(all.store)
    all.store.save = async (scope, dek) => {
      await new Promise<void>((resolve) => slow.push(resolve))
      await save(scope, dek)
    }
    await seal()
    await settle()
    encryption.evict('cmk')
    all.clock.advance(6000)
    for (const go of slow) go()
    for (let i = 0; i < 5; i++) await settle()
    expect(all.store.deks.size).toBe(0)
  })

  it('a DEK that was evicted in flight is not saved', async () => {
    const all = stage()
    const { seal, encryption } = await process(all)
    all.kms.hold = true
    const sending = seal()
    await all.kms.waitForHeld()
    const first = all.kms.held[0]
    encryption.evict('cmk')
    first?.succeed()
    await all.kms.waitForHeld()
    for (let i = 0; i < 5; i++) await settle()
    expect(all.store.deks.size).toBe(0)
    all.kms.held[0]?.succeed()
    await sending
  })

  it('a process that is denied before it has a DEK does not remove the stored one', async () => {
    const all = stage()
    await (await process(all)).seal()
    await settle()
    const denied = await process(all)
    all.kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    for (let i = 0; i < 3; i++) await thrownBy(() => denied.seal())
    await settle()
    expect(all.store.deks.size).toBe(1)
  })

  it('a stored DEK that this process may not unwrap is replaced by a new one, and causes an event', async () => {
    const all = stage()
    await (await process(all)).seal()
    const stored = [...all.store.deks.values()][0]
    if (stored?.wrappings[0] === undefined) throw new Error('nothing was saved')
    for (const scope of all.store.deks.keys()) {
      all.store.deks.set(scope, { ...stored, wrappings: [{ ...stored.wrappings[0], ciphertextDek: 'AAAA' }] })
    }
    const next = await process(all)
    await next.seal()
    expect(next.named('dek.storeFailed')).toStrictEqual([
      { name: 'dek.storeFailed', rule: 't', operation: 'unwrap', reason: 'CIPHERTEXT_DEK_INVALID' },
    ])
    expect(next.named('dek.created')).toMatchObject([{ origin: 'made' }])
  })

  it('a DEK store that returns something other than a DEK causes an event, and a DEK is made', async () => {
    const all = stage()
    all.store.deks.set('t', { createdAt: 'yesterday' } as unknown as StoredDek)
    const scopes: string[] = []
    const load = all.store.load.bind(all.store)
    all.store.load = (scope) => {
      scopes.push(scope)
      return load([...all.store.deks.keys()][0] ?? scope)
    }
    const { seal, named } = await process(all)
    await seal()
    expect(scopes).toHaveLength(1)
    expect(named('dek.storeFailed')).toMatchObject([{ operation: 'load', reason: 'CIPHERTEXT_DEK_INVALID' }])
    expect(made(all)).toBe(1)
  })

  it('without a DEK store, nothing fails', async () => {
    const { seal, encryption, named } = await owner()
    await seal()
    await encryption.rotate()
    encryption.evict('cmk')
    await seal()
    await encryption.close()
    expect(named('dek.storeFailed')).toEqual([])
  })

  it('a DEK store that fails does not stop sealing', async () => {
    const all = stage()
    all.store.failure = new TypeError('secret detail')
    const { seal, named } = await process(all)
    await seal()
    await settle()
    expect(named('dek.storeFailed')).toEqual([
      { name: 'dek.storeFailed', rule: 't', operation: 'load', reason: 'TypeError' },
      { name: 'dek.storeFailed', rule: 't', operation: 'save', reason: 'TypeError' },
    ])
  })

  it('a DEK store that does not answer is ignored after five seconds', async () => {
    const all = stage()
    all.store.stalls = true
    const { seal, named } = await process(all)
    const sending = seal()
    await settle()
    all.clock.advance(5000)
    await sending
    expect(named('dek.storeFailed')).toMatchObject([{ operation: 'load', reason: 'TimeoutError' }])
  })

  it('a DEK store keeps a DEK for each topic under `dekScope: topic`', async () => {
    const all = stage()
    const { seal } = await process(all, { dekScope: 'topic' })
    await seal(1, 't')
    await seal(1, 'u')
    expect([...all.store.deks.keys()]).toEqual(['["t","t"]', '["t","u"]'])
  })
})

describe('a provisioned DEK', () => {
  const provision = async (all: Stage): Promise<string> =>
    (await process(all)).encryption.createProvisionedDek('t')
  const producer = (
    all: Stage,
    text: string,
    encrypt: Partial<ProvisionedEncryptRule> = {},
  ): Promise<Owner> =>
    owner({ kms: all.kms, clock: all.clock, encrypt: { provisionedDek: { text }, ...encrypt } })

  it('a provisioned DEK seals without a call that makes a DEK, each process in its own session', async () => {
    const all = stage()
    const text = await provision(all)
    const calls = made(all)
    const [a, b] = [await producer(all, text), await producer(all, text)]
    expect(a.named('dek.waited')).toEqual([])
    const sealed = [...(await a.seal(3)), ...(await b.seal(3))]
    expect(perSession(sealed)).toEqual([3, 3])
    expect(new Set(sealed.map(ciphertextOf)).size).toBe(1)
    expect(made(all)).toBe(calls)
    const opened = await openRecords(
      a.encryption,
      sealed.map((value) => ({ topic: 't', value })),
    )
    expect(opened.filter(({ error }) => error)).toEqual([])
  })

  it.each([
    ['messages', { maxMessages: 1000 }],
    ['age', { maxAge: '24h' }],
  ] as const)(
    'a provisioned DEK is not renewed: at its limit (%s) sends fail with what to do',
    async (limit, rotate) => {
      const all = stage()
      const { seal, clock, named } = await producer(all, await provision(all), {
        rotate,
      })
      await seal(1000)
      clock.advance(24 * 3_600_000)
      expect(await thrownBy(() => seal())).toMatchObject({
        code: 'DEK_EXHAUSTED',
        message: expect.stringContaining('encryption.createProvisionedDek(rule)') as string,
      })
      expect(named('dek.retired')).toMatchObject([{ reason: limit }])
      expect(named('dek.grace')).toEqual([])
    },
  )

  it('a provisioned DEK is followed by another one if its file was replaced', async () => {
    const all = stage()
    const folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-provisioned-'))
    try {
      const file = join(folder, 'dek.json')
      writeFileSync(file, await provision(all))
      const { seal } = await producer(all, '', { provisionedDek: { file }, rotate: { maxMessages: 1000 } })
      await seal(1000)
      expect(await thrownBy(() => seal())).toMatchObject({ code: 'DEK_EXHAUSTED' })
      writeFileSync(file, await provision(all))
      expect(perSession(await seal(2))).toEqual([2])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('a provisioned DEK is verified by unwrapping: its producer needs no permission to wrap', async () => {
    const all = stage()
    const { encryption, kms } = await producer(all, await provision(all))
    const asked: string[] = []
    kms.verify = ({ use }: { use?: string } = {}) => {
      asked.push(use ?? '')
      return Promise.resolve()
    }
    await encryption.verify()
    expect(asked).toEqual(['unwrap', 'unwrap'])
  })

  it('rotate() and evict() start a new session under a provisioned DEK', async () => {
    const all = stage()
    const { seal, encryption } = await producer(all, await provision(all))
    const sealed = await seal()
    await encryption.rotate()
    sealed.push(...(await seal()))
    encryption.evict('cmk')
    sealed.push(...(await seal()))
    expect(perSession(sealed)).toEqual([1, 1, 1])
    expect(new Set(sealed.map(ciphertextOf)).size).toBe(1)
  })

  it('a provisioned DEK that cannot be used fails at start', async () => {
    const all = stage()
    const text = await provision(all)
    const other = text.replace('"cmkId":"cmk"', '"cmkId":"cmk2"')
    for (const bad of ['', '{}', 'x', other])
      expect(await thrownBy(() => producer(all, bad))).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await thrownBy(() => producer(all, text, { context: { a: 'b' } }))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('was created for other CMKs or another context') as string,
    })
    expect(
      await thrownBy(() => producer(all, '', { provisionedDek: { file: '/nowhere/dek.json' } })),
    ).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('ENOENT') as string })
    all.kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    expect(await thrownBy(() => producer(all, text))).toMatchObject({ code: 'KMS_DENIED' })
    all.kms.failure = undefined
    all.clock.advance(24 * 3_600_000)
    expect(await thrownBy(() => producer(all, text))).toMatchObject({ code: 'DEK_EXHAUSTED' })
    // The next attempt may take the same KMS.
    expect(all.kms.closed).toBe(false)
  })

  it('a provisioned DEK can be created only for a rule that encrypts', async () => {
    const { encryption } = await owner()
    expect(await thrownBy(() => encryption.createProvisionedDek('x'))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})
