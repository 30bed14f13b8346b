import { describe, expect, it, vi } from 'vitest'
import type { DekStore, StoredDek } from '../../../src/dek-store/dek-store.js'
import { EnvelopeError } from '../../../src/errors.js'
import { EventHub, type EncryptionEvents } from '../../../src/events.js'
import { DEFAULT_SUITE } from '../../../src/crypto/suites.js'
import type { SealingScope } from '../../../src/keys/sealing/dek-supplier.js'
import { KmsDekSupplier } from '../../../src/keys/sealing/kms-dek-supplier.js'
import { storableDek } from '../../../src/keys/sealing/stored-deks.js'
import { CmkSet } from '../../../src/kms/cmk-set.js'
import { Cmk } from '../../../src/kms/cmk.js'
import { cmkOf } from '../../support/cmks.js'
import type { CheckedEncryptRule } from '../../../src/config/checked.js'
import { thrownBy } from '../../support/emissions.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'
import { owner, settle } from '../owner.js'
import { takenDeks } from '../spy-deks.js'

const HOUR = 3_600_000
const signal = new AbortController().signal

/** A store that does what is asked only when the test lets it. */
class SlowStore implements DekStore {
  stored: StoredDek | undefined
  /** Records the calls, and lets each succeed or fail. */
  readonly asked: { readonly what: string; go(): void; fail(error: unknown): void }[] = []
  slow = true
  /** For which scopes, in order. */
  readonly scopes: string[] = []

  load(scope: string): Promise<StoredDek | undefined> {
    this.scopes.push(scope)
    return this.#turn('load', () => this.stored)
  }
  save(scope: string, dek: StoredDek): Promise<void> {
    this.scopes.push(scope)
    return this.#turn('save', () => void (this.stored = dek))
  }
  remove(scope: string): Promise<void> {
    this.scopes.push(scope)
    return this.#turn('remove', () => void (this.stored = undefined))
  }
  get names(): string[] {
    return this.asked.map(({ what }) => what)
  }
  /** Lets the last call happen, and its callers continue. */
  async go(): Promise<void> {
    await settle()
    this.asked.at(-1)?.go()
    await settle()
  }
  #turn<T>(what: string, run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const go = (): void => {
        resolve(run())
      }
      this.asked.push({ what, go, fail: reject })
      if (!this.slow) go()
    })
  }
}

async function stage(
  options: { readonly publicKeyWraps?: readonly boolean[]; readonly topic?: string } = {},
) {
  const { publicKeyWraps = [false, false], topic } = options
  const kmss = publicKeyWraps.map((wraps) => new MemoryKms({ publicKeyWraps: wraps }))
  const cmks = await Promise.all(kmss.map((kms, i) => cmkOf(`kms ${String(i)}`, kms, 'cmk')))
  const clock = new FakeClock()
  const store = new SlowStore()
  const hub = new EventHub()
  const failures: EncryptionEvents['dek.storeFailed'][] = []
  hub.on('dek.storeFailed', (event) => failures.push(event))
  const encrypt = {
    rotate: { maxAgeMs: 24 * HOUR },
    prefetchMs: HOUR,
    context: { app: 'shop' },
  } as unknown as CheckedEncryptRule
  const scope: SealingScope = {
    rule: 'r',
    topic,
    encrypt,
    cmks: CmkSet.forSealing(cmks as [Cmk, ...Cmk[]]),
    suite: DEFAULT_SUITE,
  }
  /** A DEK that another process keeps in the store, of the given age. */
  const another = async (agoMs = 0): Promise<StoredDek> => {
    const made = await scope.cmks.newDek({ context: encrypt.context, sealUnder: 'all', signal })
    const past = new FakeClock()
    past.step(clock.wallMs() - agoMs - past.wallMs())
    store.stored = storableDek(made, scope, past)
    return store.stored
  }
  const source = (): KmsDekSupplier => new KmsDekSupplier(scope, store, clock, hub)
  /** Where the next DEK came from, with a store that answers at once. */
  const origin = async (deks: KmsDekSupplier): Promise<string> => {
    store.slow = false
    const { origin: from } = await deks.next(signal)
    await settle()
    return from
  }
  return { kmss, cmks, clock, store, failures, scope, another, source, origin }
}

describe('a stored DEK', () => {
  it('a stored DEK whose MAC does not verify is replaced by a new one, although another wrapping of it unwraps', async () => {
    const { store, another, source, origin, failures, kmss, scope } = await stage()
    const honest = await another()
    const far = scope.cmks.list[1] as Cmk
    const theirs = await Cmk.newDek([far], { context: scope.encrypt.context, sealUnder: 'all', signal })
    const ciphertexts = [
      honest.wrappings[0]?.ciphertextDek ?? '',
      theirs.wrappings[0]?.ciphertextDek.toString('base64') ?? '',
    ]
    const wrappings = ciphertexts.map((text) => ({
      provider: far.provider,
      cmkId: far.id,
      ciphertextDek: Buffer.from(text, 'base64'),
    }))
    store.stored = storableDek({ dek: theirs.dek, wrappings }, scope, new FakeClock())
    const deks = source()
    expect(await origin(deks)).toBe('made')
    expect(failures).toEqual([{ rule: 'r', operation: 'unwrap', reason: 'UNWRAP_FAILED' }])
    expect(kmss[1]?.calls.filter(({ operation }) => operation === 'unwrap')).toEqual([])
  })

  it('a stored DEK is used until the millisecond before prefetch would replace it', async () => {
    const { another, source, origin } = await stage()
    await another(23 * HOUR - 1)
    expect(await origin(source())).toBe('stored')
    await another(23 * HOUR)
    expect(await origin(source())).toBe('made')
  })

  it('a stored DEK is used once in a process: after it, only a DEK that was made later is used', async () => {
    const { clock, another, source, origin } = await stage()
    const deks = source()
    await another(5)
    expect(await origin(deks)).toBe('stored')
    await another(5)
    expect(await origin(deks)).toBe('made')
    expect(await origin(deks)).toBe('made')
    clock.advance(1)
    await another(0)
    expect(await origin(deks)).toBe('stored')
  })

  it('a stored DEK made up to a revocation is not used, however the clock was set; one made after it is', async () => {
    const { clock, store, another, source, origin } = await stage()
    const deks = source()
    store.slow = false
    deks.revoke()
    await settle()
    // It seems to be newer, but may have been in the store by then.
    await another(-1000)
    expect(await origin(deks)).toBe('made')
    const other = source()
    other.revoke()
    clock.step(-5000)
    expect(await origin(other)).toBe('made')
    await another(-5000)
    expect(await origin(other)).toBe('made')
    await another(-5001)
    expect(await origin(other)).toBe('stored')
  })

  it('a stored DEK that was used before the clock was set back is not used again after a revocation', async () => {
    const { clock, store, another, source, origin } = await stage()
    const deks = source()
    const used = await another()
    expect(await origin(deks)).toBe('stored')
    clock.step(-5000)
    deks.revoke()
    expect(await origin(deks)).toBe('made')
    store.stored = used
    expect(await origin(deks)).toBe('made')
  })

  it('a stored DEK whose KMS fails with a bug is replaced by a new one, and the event has the name of the error', async () => {
    const { kmss, another, source, origin, failures } = await stage()
    await another()
    for (const kms of kmss) kms.unwrapDek = () => Promise.reject(new TypeError('a secret'))
    expect(await origin(source())).toBe('made')
    expect(failures).toEqual([{ rule: 'r', operation: 'unwrap', reason: 'TypeError' }])
  })

  it('a stored DEK that fails transiently to unwrap is tried again; one that is refused is not', async () => {
    for (const [code, then] of [
      ['KMS_TIMEOUT', 'stored'],
      ['KMS_DENIED', 'made'],
    ] as const) {
      const { kmss, store, another, source, origin, failures } = await stage()
      const stored = await another(1000)
      const deks = source()
      for (const kms of kmss) kms.failure = new EnvelopeError(code, 'no')
      store.slow = false
      expect(await thrownBy(() => deks.next(signal))).toMatchObject({ code })
      expect(failures).toEqual([{ rule: 'r', operation: 'unwrap', reason: code }])
      // It stays there for the others.
      expect(store.stored).toBe(stored)
      for (const kms of kmss) kms.failure = undefined
      expect(await origin(source())).toBe('stored')
      expect(await origin(deks)).toBe(then)
    }
  })

  it('a stored DEK that arrives after the call was cancelled is destroyed, and may be loaded again', async () => {
    const { kmss, store, another, source, origin, failures } = await stage()
    await another()
    store.slow = false
    const near = kmss[0] as MemoryKms
    const taken = takenDeks()
    near.hold = true
    const abort = new AbortController()
    const deks = source()
    const next = thrownBy(() => deks.next(abort.signal))
    await near.waitForHeld()
    abort.abort(new Error('given up'))
    near.held[0]?.succeed()
    expect(await next).toEqual(new Error('given up'))
    expect(taken.map(({ destroyed }) => destroyed)).toEqual([true])
    expect(failures).toEqual([])
    near.hold = false
    expect(await origin(deks)).toBe('stored')
  })

  it('a DEK that was made for a cancelled call is not saved, and is destroyed', async () => {
    const { kmss, store, source } = await stage()
    store.slow = false
    const near = kmss[0] as MemoryKms
    const taken = takenDeks()
    near.hold = true
    const abort = new AbortController()
    const next = thrownBy(() => source().next(abort.signal))
    await near.waitForHeld()
    abort.abort(new Error('given up'))
    near.held[0]?.succeed()
    expect(await next).toEqual(new Error('given up'))
    await settle()
    expect(taken.map(({ destroyed }) => destroyed)).toEqual([true])
    expect(store.names).toEqual(['load'])
  })
})

describe('a DEK store', () => {
  it('a DEK store finds a DEK by its rule, and by its topic if each topic has its own', async () => {
    for (const [topic, name] of [
      [undefined, '["r"]'],
      ['t', '["r","t"]'],
    ] as const) {
      const { store, source, origin } = await stage(topic === undefined ? {} : { topic })
      const deks = source()
      await origin(deks)
      deks.revoke()
      await settle()
      expect(store.scopes).toEqual([name, name, name])
    }
  })

  it('a DEK store is not used if the public key of one of the CMKs wraps', async () => {
    for (const publicKeyWraps of [
      [true, false],
      [false, true],
    ]) {
      const { store, source, origin } = await stage({ publicKeyWraps })
      const deks = source()
      expect(await origin(deks)).toBe('made')
      deks.revoke()
      await deks.settled()
      expect(store.names).toEqual([])
    }
  })

  it('a DEK store that is slow to load is waited for five seconds, and no timer stays', async () => {
    const { store, clock, another, source, failures } = await stage()
    await another()
    const found = source().next(signal)
    await settle()
    clock.advance(4999)
    await store.go()
    expect((await found).origin).toBe('stored')
    expect(clock.timers).toBe(0)
    const late = source().next(signal)
    await settle()
    clock.advance(5000)
    await settle()
    expect((await late).origin).toBe('made')
    expect(failures).toEqual([{ rule: 'r', operation: 'load', reason: 'TimeoutError' }])
  })

  it('a caller that cancels does not wait for the DEK store, and that is not a failure of the store', async () => {
    const { kmss, clock, source, failures, store } = await stage()
    const abort = new AbortController()
    const next = source().next(abort.signal)
    await settle()
    expect(store.names).toEqual(['load'])
    abort.abort(new Error('given up'))
    await expect(next).rejects.toThrow('given up')
    expect(failures).toEqual([])
    expect(kmss[0]?.calls).toEqual([])
    expect(clock.timers).toBe(0)
  })

  it('a DEK store gets only the last of the changes made while it was busy, in order, even after a failure', async () => {
    const { store, source, failures } = await stage({ topic: 't' })
    const deks = source()
    deks.revoke()
    await settle()
    for (let i = 0; i < 3; i++) {
      await deks.next(signal)
      deks.revoke()
    }
    await deks.next(signal)
    await settle()
    expect(store.names).toEqual(['remove'])
    store.asked[0]?.fail('text that may quote anything')
    await settle()
    expect(store.names).toEqual(['remove', 'save'])
    deks.revoke()
    store.asked[1]?.fail(new RangeError('x'))
    await settle()
    expect(store.names).toEqual(['remove', 'save', 'remove'])
    await store.go()
    await deks.settled()
    expect(failures).toEqual([
      { rule: 'r', topic: 't', operation: 'remove', reason: 'string' },
      { rule: 'r', topic: 't', operation: 'save', reason: 'RangeError' },
    ])
  })

  it('a DEK store is not asked for a DEK before the pending write of this process has ended: the wait counts as part of the load', async () => {
    const { store, clock, source, another, failures } = await stage()
    const deks = source()
    store.slow = true
    deks.revoke()
    await deks.next(signal)
    const next = deks.next(signal)
    await settle()
    expect(store.names).toEqual(['remove'])
    await store.go()
    expect(store.names).toEqual(['remove', 'save'])
    await store.go()
    expect(store.names).toEqual(['remove', 'save', 'load'])
    clock.advance(1)
    await another()
    await store.go()
    expect((await next).origin).toBe('stored')
    // A write that stalls does not hold up sending either.
    deks.revoke()
    await deks.next(signal)
    const behind = deks.next(signal)
    await settle()
    clock.advance(5000)
    expect((await behind).origin).toBe('made')
    expect(failures).toEqual([{ rule: 'r', operation: 'load', reason: 'TimeoutError' }])
  })

  it('a DEK store that stalls in a save delays a removal for as long, because the save could undo it', async () => {
    const { store, clock, source, origin } = await stage()
    store.slow = true
    const deks = source()
    const next = deks.next(signal)
    await store.go()
    await next
    await settle()
    deks.revoke()
    clock.advance(HOUR)
    await settle()
    expect(store.names).toEqual(['load', 'save'])
    await store.go()
    expect(store.names).toEqual(['load', 'save', 'remove'])
    await store.go()
    expect(store.stored).toBeUndefined()
    expect(await origin(deks)).toBe('made')
  })
})

describe('close', () => {
  /** An owner whose store keeps a DEK only when the test lets it. */
  async function saving() {
    const store = new SlowStore()
    const made = await owner({ config: { dekStore: store } })
    const sending = made.seal()
    await store.go()
    await sending
    await settle()
    expect(store.names).toEqual(['load', 'save'])
    return { ...made, store }
  }
  it('close() keeps the process alive until the store has written everything, and no longer', async () => {
    const { encryption, clock, store } = await saving()
    const timeout = vi.spyOn(clock, 'timeout')
    const before = clock.timers
    const closing = encryption.close()
    expect(timeout.mock.calls.map(([, ms]) => ms)).toEqual([5000])
    expect(clock.timers).toBe(1)
    await store.go()
    await closing
    expect([before, clock.timers]).toEqual([1, 0])
    expect(store.stored).toBeDefined()
  })

  it('close() waits at most five seconds for a store that does not answer', async () => {
    const { encryption, clock } = await saving()
    const done: string[] = []
    const closing = encryption.close().then(() => done.push('closed'))
    clock.advance(4999)
    await settle()
    expect(done).toEqual([])
    clock.advance(1)
    await closing
  })

  it('close() does not wait if there is nothing to write', async () => {
    const { encryption, clock, store } = await saving()
    await store.go()
    const timeout = vi.spyOn(clock, 'timeout')
    await encryption.close()
    expect(timeout).not.toHaveBeenCalled()
    expect(store.names).toEqual(['load', 'save'])
  })
})
