import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { EventHub } from '../../src/events.js'
import type { Cmk } from '../../src/kms/cmk.js'
import type { Kms } from '../../src/kms/kms.js'
import { kmsesBySide } from '../../src/kms/sides.js'
import { KmsTracers } from '../../src/kms/tracers.js'
import { cmkOf } from '../support/cmks.js'
import { thrownBy } from '../support/emissions.js'
import { FakeClock } from '../support/fake-clock.js'
import { MemoryKms } from '../support/memory-kms.js'

const { signal } = new AbortController()
const context = { tenant: 'acme' }
const zeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** A KMS that re-encrypts ciphertext DEKs of `a` under `b`, and of `b` under nothing. */
class Rewrapping extends MemoryKms {
  readonly rewraps: Parameters<Required<Kms>['rewrapDek']>[0][] = []
  answer: unknown = Uint8Array.of(7)

  override async describe(cmkId?: string) {
    const described = await super.describe()
    return { ...described, rewrapsTo: (id: string) => cmkId === 'a' && id === 'b' }
  }

  async rewrapDek(call: Parameters<Required<Kms>['rewrapDek']>[0]): Promise<Uint8Array> {
    await Promise.resolve()
    this.rewraps.push(call)
    if (this.failure !== undefined) throw this.failure as Error
    return this.answer as Uint8Array
  }
}

/** The CMKs `a` and `b` of a KMS. */
async function pair(kms: Kms, other = kms): Promise<readonly [Cmk, Cmk]> {
  const clock = new FakeClock()
  return [await cmkOf('kms', kms, 'a', clock), await cmkOf('kms', other, 'b', clock)]
}

const made = (kms: Kms) => kms.generateDek({ cmkId: 'a', context, signal })

describe('a ciphertext DEK that is re-encrypted', () => {
  it('a ciphertext DEK is re-encrypted by the service if it can, and no DEK leaves it', async () => {
    const kms = new Rewrapping()
    const [a, b] = await pair(kms)
    const ciphertextDek = Uint8Array.of(1, 2, 3)
    expect(await a.rewrap(ciphertextDek, b, { context, signal })).toEqual(Buffer.of(7))
    expect(kms.rewraps).toEqual([{ cmkId: 'a', toCmkId: 'b', context, signal, ciphertextDek }])
    expect(kms.calls).toEqual([])
    // The service may re-encrypt in one direction only.
    expect([a.isRewrappedByServiceTo(b), b.isRewrappedByServiceTo(a)]).toEqual([true, false])
  })

  it('a ciphertext DEK that the service does not re-encrypt is unwrapped and wrapped: the same DEK, in the same context', async () => {
    const [one, two] = [new MemoryKms(), new MemoryKms()]
    const [a, b] = await pair(one, two)
    const { dek, ciphertextDek } = await made(one)
    const rewrapped = await a.rewrap(ciphertextDek, b, { context, signal })
    expect(await two.unwrapDek({ cmkId: 'b', context, signal, ciphertextDek: rewrapped })).toEqual(dek)
    expect(one.calls.at(-1)).toEqual({ operation: 'unwrap', cmkId: 'a', context })
    expect(two.calls[0]).toEqual({ operation: 'wrap', cmkId: 'b', context })
  })

  it('a service re-encrypts only between CMKs of its own object, and only if it has the call', async () => {
    const [one, two] = [new Rewrapping(), new Rewrapping()]
    const apart = await pair(one, two)
    expect(apart[0].isRewrappedByServiceTo(apart[1])).toBe(false)
    const lacking = new Rewrapping()
    Object.assign(lacking, { rewrapDek: undefined })
    const [a, b] = await pair(lacking)
    const { ciphertextDek } = await made(lacking)
    await a.rewrap(ciphertextDek, b, { context, signal })
    expect(lacking.calls.map(({ operation }) => operation)).toEqual(['generate', 'unwrap', 'wrap'])
  })

  it('a refusal of the service is not answered by unwrapping the DEK', async () => {
    const kms = new Rewrapping()
    const [a, b] = await pair(kms)
    const { ciphertextDek } = await made(kms)
    kms.failure = new EnvelopeError('KMS_DENIED', 'no')
    expect(await thrownBy(() => a.rewrap(ciphertextDek, b, { context, signal }))).toBe(kms.failure)
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate'])
  })

  it.each([undefined, new EnvelopeError('CMK_DISABLED', 'off')])(
    'the DEK is wiped once it is wrapped, and if that fails (%s)',
    async (failure) => {
      const [one, two] = [new MemoryKms(), new MemoryKms()]
      const [a, b] = await pair(one, two)
      const { ciphertextDek } = await made(one)
      const unwrapped: Uint8Array[] = []
      const unwrapDek = one.unwrapDek.bind(one)
      one.unwrapDek = async (call) => {
        const dek = await unwrapDek(call)
        unwrapped.push(dek)
        return dek
      }
      two.failure = failure
      const rewrapping = a.rewrap(ciphertextDek, b, { context, signal })
      if (failure === undefined) await rewrapping
      else expect(await thrownBy(() => rewrapping)).toBe(failure)
      expect(unwrapped.map(zeros)).toEqual([true])
    },
  )

  it('a DEK of zeros is not wrapped under the new CMK', async () => {
    const [one, two] = [new MemoryKms(), new MemoryKms()]
    const [a, b] = await pair(one, two)
    const { ciphertextDek } = await made(one)
    one.unwrapDek = () => Promise.resolve(new Uint8Array(32))
    const error = await thrownBy(() => a.rewrap(ciphertextDek, b, { context, signal }))
    expect(error).toMatchObject({ code: 'UNWRAP_FAILED' })
    expect(two.calls).toEqual([])
  })
})

describe('a ciphertext DEK that is re-encrypted for an owner', () => {
  function owner(kms: Kms) {
    const clock = new FakeClock()
    const events = new EventHub()
    const tracers = new KmsTracers()
    const calls: unknown[] = []
    const traced: unknown[] = []
    events.on('kms.call', ({ durationMs: _, ...call }) => calls.push(call))
    tracers.add((call) => {
      traced.push(call)
      return {
        run: (make) => {
          make()
        },
        end: () => undefined,
      }
    })
    const share = { perSecond: 100, burst: 100 }
    const shares = { sealing: share, opening: share }
    const policy = { timeoutMs: 10_000, retries: 0, shares, clock, events, tracers }
    return { clock, calls, traced, kmses: kmsesBySide({ kms }, policy) }
  }

  it('a re-encryption counts, is traced, and is reported with both CMKs, whichever side the CMKs are for', async () => {
    const kms = new Rewrapping()
    const { kmses, calls, traced } = owner(kms)
    const [a, b] = await pair(kmses.sealing['kms'] as Kms)
    const opening = a.by(kmses.opening['kms'] as Kms)
    calls.length = traced.length = 0
    await opening.rewrap(Uint8Array.of(1), b, { context, signal })
    expect(kms.rewraps).toHaveLength(1)
    expect(calls).toEqual([{ kms: 'kms', cmkId: 'a', toCmkId: 'b', operation: 'rewrap', outcome: 'ok' }])
    expect(traced).toEqual([{ kms: 'kms', cmkId: 'a', toCmkId: 'b', operation: 'rewrap' }])
  })

  it('a service that returns the same ciphertext DEK for another CMK has not re-encrypted it', async () => {
    const kms = new Rewrapping()
    const [a, b] = await pair(owner(kms).kmses.sealing['kms'] as Kms)
    kms.answer = Uint8Array.of(1, 2)
    const error = await thrownBy(() => a.rewrap(Uint8Array.of(1, 2), b, { context, signal }))
    expect(error).toMatchObject({ code: 'KMS_RESPONSE_INVALID' })
    expect(await a.rewrap(Uint8Array.of(1), b, { context, signal })).toEqual(Buffer.of(1, 2))
  })

  it('a service may return the same ciphertext DEK for the same CMK, which was not rotated', async () => {
    const kms = new Rewrapping()
    kms.describe = () =>
      Promise.resolve({ provider: 'p', publicKeyWraps: false, rewrapsTo: (id) => id === 'a' })
    const [a] = await pair(owner(kms).kmses.sealing['kms'] as Kms)
    expect(await a.rewrap(Uint8Array.of(7), a, { context, signal })).toEqual(Buffer.of(7))
  })

  it.each([undefined, null, 'text', {}, new Uint8Array(0), new Uint8Array(1025)])(
    'a service that re-encrypts to something other than a ciphertext DEK (%j) answered nothing',
    async (answer) => {
      const kms = new Rewrapping()
      kms.answer = answer
      const [a, b] = await pair(owner(kms).kmses.sealing['kms'] as Kms)
      const error = await thrownBy(() => a.rewrap(Uint8Array.of(1), b, { context, signal }))
      expect(error).toMatchObject({
        code: 'KMS_RESPONSE_INVALID',
        message: expect.stringContaining('CMK b') as string,
      })
    },
  )

  it('a DEK that is unwrapped after its call was cancelled is wiped, and never wrapped', async () => {
    const kms = new MemoryKms()
    const [a, b] = await pair(owner(kms).kmses.sealing['kms'] as Kms)
    const { ciphertextDek } = await made(kms)
    let answer = (_: Uint8Array): void => undefined
    kms.unwrapDek = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const cancelling = new AbortController()
    const rewrapping = thrownBy(() => a.rewrap(ciphertextDek, b, { context, signal: cancelling.signal }))
    await new Promise((resolve) => setImmediate(resolve))
    cancelling.abort()
    expect(await rewrapping).toMatchObject({ code: 'KMS_TIMEOUT' })
    const late = new Uint8Array(32).fill(7)
    answer(late)
    await new Promise((resolve) => setImmediate(resolve))
    expect(zeros(late)).toBe(true)
    expect(kms.calls.map(({ operation }) => operation)).toEqual(['generate'])
  })
})
