import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { EventHub, type EncryptionEvents } from '../../src/events.js'
import { Cmk } from '../../src/kms/cmk.js'
import { bounded } from '../../src/kms/bounded.js'
import { decorate } from '../../src/kms/decorate.js'
import type { Kms } from '../../src/kms/kms.js'
import { FakeClock } from '../support/fake-clock.js'
import { cmkOf } from '../support/cmks.js'
import { MemoryKms } from '../support/memory-kms.js'

const { signal } = new AbortController()
const call = { cmkId: 'cmk', context: {}, signal }
const zeros = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

function guard(kms: Kms, timeoutMs = 1000) {
  const clock = new FakeClock()
  const events = new EventHub()
  const calls: EncryptionEvents['kms.call'][] = []
  events.on('kms.call', (event) => calls.push(event))
  return { kms: decorate(kms, bounded({ name: 'dev', timeoutMs, clock, events })), calls, clock }
}

describe('every call to a KMS', () => {
  it('every call to a KMS ends within its deadline, even if the provider ignores the signal; a late DEK is wiped', async () => {
    const late: ((dek: Uint8Array) => void)[] = []
    const slow = new MemoryKms()
    slow.unwrapDek = () => new Promise((resolve) => late.push(resolve))
    slow.generateDek = () =>
      new Promise((resolve) =>
        late.push((dek) => {
          resolve({ dek, ciphertextDek: new Uint8Array(1) })
        }),
      )
    const { kms, calls, clock } = guard(slow, 20)
    const unwrapping = kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(1) })
    clock.advance(20)
    await expect(unwrapping).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    const generating = kms.generateDek(call)
    clock.advance(20)
    await expect(generating).rejects.toMatchObject({ code: 'KMS_TIMEOUT', retriable: true })
    expect(clock.timers).toBe(0)
    const deks = late.map((answer) => {
      const dek = new Uint8Array(32).fill(7)
      answer(dek)
      return dek
    })
    await vi.waitFor(() => {
      expect(deks.every(zeros)).toBe(true)
    })
    expect(calls).toMatchObject([
      {
        kms: 'dev',
        cmkId: 'cmk',
        operation: 'unwrap',
        outcome: 'failed',
        code: 'KMS_TIMEOUT',
        durationMs: 20,
      },
      { kms: 'dev', cmkId: 'cmk', operation: 'generate', outcome: 'failed', code: 'KMS_TIMEOUT' },
    ])
  })

  it('every call to a KMS ends when it is cancelled, and the signal of the provider aborts', async () => {
    const held = new MemoryKms()
    held.hold = true
    const { kms } = guard(held)
    const controller = new AbortController()
    const calling = kms.generateDek({ ...call, signal: controller.signal })
    await held.waitForHeld()
    controller.abort()
    await expect(calling).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(held.held[0]?.call.signal.aborted).toBe(true)
    await expect(kms.verify({ ...call, use: 'wrap', signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'KMS_TIMEOUT',
    })
    const closed = new EnvelopeError('ENCRYPTION_CLOSED', 'closed')
    await expect(kms.describe('cmk', AbortSignal.abort(closed))).rejects.toBe(closed)
  })

  it('every call to a KMS fails with an EnvelopeError: an error of a provider is named, never quoted', async () => {
    const failing = new MemoryKms()
    const { kms, calls } = guard(failing)
    for (const failure of [new TypeError('secret'), 'secret', { secret: 'secret' }]) {
      failing.failure = failure
      const error: unknown = await kms.generateDek(call).catch((e: unknown) => e)
      expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
      expect(inspect(error, { depth: 9 })).not.toContain('secret')
    }
    failing.generateDek = () => {
      throw new RangeError('secret, and at once')
    }
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(calls.every(({ outcome, durationMs }) => outcome === 'failed' && durationMs >= 0)).toBe(true)
  })
})

describe('a raw DEK', () => {
  async function cmk(): Promise<{ cmk: Cmk; returned: Uint8Array[] }> {
    const kms = new MemoryKms()
    const returned: Uint8Array[] = []
    const generate = kms.generateDek.bind(kms)
    const unwrap = kms.unwrapDek.bind(kms)
    kms.generateDek = async (request) => {
      const made = await generate(request)
      returned.push(made.dek)
      return made
    }
    kms.unwrapDek = async (request) => {
      const dek = await unwrap(request)
      returned.push(dek)
      return dek
    }
    return { cmk: await cmkOf('dev', kms, 'cmk'), returned }
  }

  it('a raw DEK is wiped as soon as it is imported', async () => {
    const { cmk: made, returned } = await cmk()
    const { dek, wrappings } = await Cmk.newDek([made], { context: {}, sealUnder: 'all', signal })
    const again = await made.unwrap(wrappings[0]?.ciphertextDek ?? Buffer.alloc(0), {}, signal)
    expect(returned).toHaveLength(2)
    expect(returned.every(zeros)).toBe(true)
    expect([dek.destroyed, again.destroyed]).toEqual([false, false])
  })
})
