import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvelopeError, errorCodes } from '../../src/errors.js'
import { systemClock } from '../../src/clock.js'
import { decorate } from '../../src/kms/decorate.js'
import type { Kms } from '../../src/kms/kms.js'
import { retrying as retries } from '../../src/kms/retrying.js'
import { MemoryKms } from '../support/memory-kms.js'

const { signal } = new AbortController()
const TIMEOUT_MS = 20_000
const retrying = (kms: Kms, times: number): Kms =>
  decorate(kms, retries({ retries: times, timeoutMs: TIMEOUT_MS, clock: systemClock }))
const call = { cmkId: 'cmk', context: {}, signal }
const failing = (code: ConstructorParameters<typeof EnvelopeError>[0]): EnvelopeError =>
  new EnvelopeError(code, 'something')

/** A KMS that fails its first calls with these, one each. */
function failingWith(failures: readonly Error[]): { kms: MemoryKms; calls: number[] } {
  const kms = new MemoryKms()
  const calls: number[] = []
  const generate = kms.generateDek.bind(kms)
  kms.generateDek = (request) => {
    calls.push(Date.now())
    const failure = failures[calls.length - 1]
    return failure === undefined ? generate(request) : Promise.reject(failure)
  }
  return { kms, calls }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a call to a KMS that fails', () => {
  it.each(errorCodes())(
    'a call to a KMS that fails by %s is retried only if the failure is transient and comes from the KMS',
    async (code) => {
      const { kms, calls } = failingWith([failing(code)])
      const made = retrying(kms, 2)
        .generateDek(call)
        .then(
          () => 'made',
          (error: unknown) => (error as EnvelopeError).code,
        )
      await vi.runAllTimersAsync()
      const retriable = failing(code).retriable && code !== 'KMS_RATE_LIMITED'
      expect(await made).toBe(retriable ? 'made' : code)
      expect(calls).toHaveLength(retriable ? 2 : 1)
    },
  )

  it('a call to a KMS that fails with a foreign error is not retried', async () => {
    const { kms, calls } = failingWith([new TypeError('a bug')])
    await expect(retrying(kms, 2).generateDek(call)).rejects.toThrow('a bug')
    expect(calls).toHaveLength(1)
  })

  it('a call to a KMS that fails is tried three times in total, and fails with the last error', async () => {
    const failures = ['KMS_TIMEOUT', 'KMS_THROTTLED', 'KMS_UNAVAILABLE'] as const
    const { kms, calls } = failingWith(failures.map(failing))
    const made = retrying(kms, 2)
      .generateDek(call)
      .catch((error: unknown) => error)
    await vi.runAllTimersAsync()
    expect(await made).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(calls).toHaveLength(3)
  })

  it.each([
    [0, 0, 0],
    [0.5, 100, 200],
    [0.999, 199, 399],
  ])(
    'a call to a KMS that fails waits a random share of a bound that doubles (share %d: %d, %d ms)',
    async (share, first, second) => {
      vi.spyOn(Math, 'random').mockReturnValue(share)
      const { kms, calls } = failingWith([failing('KMS_TIMEOUT'), failing('KMS_TIMEOUT')])
      const made = retrying(kms, 2).generateDek(call)
      await vi.runAllTimersAsync()
      await made
      const [a = 0, b = 0, c = 0] = calls
      expect([b - a, c - b]).toEqual([first, second])
    },
  )

  it.each([
    [TIMEOUT_MS / 2, 1],
    [TIMEOUT_MS / 2 - 1, 1],
    [TIMEOUT_MS / 4, 2],
    [TIMEOUT_MS / 8, 3],
  ])(
    'a call to a KMS that fails is not retried in the second half of its time (attempts that take %d ms: %d of them)',
    async (durationMs, attempts) => {
      vi.spyOn(Math, 'random').mockReturnValue(0)
      const kms = new MemoryKms()
      let calls = 0
      kms.generateDek = () => {
        calls++
        return new Promise((_, reject) => {
          setTimeout(() => {
            reject(failing('KMS_TIMEOUT'))
          }, durationMs)
        })
      }
      const made = retrying(kms, 2)
        .generateDek(call)
        .catch((error: unknown) => error)
      await vi.runAllTimersAsync()
      expect(await made).toMatchObject({ code: 'KMS_TIMEOUT' })
      expect(calls).toBe(attempts)
    },
  )

  it('a call to a KMS that fails ends immediately when it is cancelled in the middle of a delay, and makes no further attempt', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    const { kms, calls } = failingWith([failing('KMS_TIMEOUT')])
    const controller = new AbortController()
    const made = retrying(kms, 2)
      .generateDek({ ...call, signal: controller.signal })
      .catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(10)
    controller.abort()
    expect(await made).toMatchObject({ code: 'KMS_TIMEOUT' })
    await vi.runAllTimersAsync()
    expect(calls).toHaveLength(1)
  })

  it('a call to a KMS that fails is not made at all if it was cancelled before', async () => {
    const { kms, calls } = failingWith([])
    await expect(
      retrying(kms, 2).generateDek({ ...call, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      code: 'KMS_TIMEOUT',
    })
    expect(calls).toHaveLength(0)
  })
})

it('a DEK that arrives after the call was cancelled is wiped', async () => {
  const kms = new MemoryKms()
  const deks = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(7)] as const
  const answers: (() => void)[] = []
  const later = <T>(value: T): Promise<T> =>
    new Promise((resolve) => {
      answers.push(() => {
        resolve(value)
      })
    })
  kms.generateDek = () => later({ dek: deks[0], ciphertextDek: new Uint8Array(1) })
  kms.unwrapDek = () => later(deks[1])
  const controller = new AbortController()
  const request = { ...call, signal: controller.signal }
  const calls = [
    retrying(kms, 2).generateDek(request),
    retrying(kms, 2).unwrapDek({ ...request, ciphertextDek: new Uint8Array(1) }),
  ]
  await Promise.resolve()
  controller.abort()
  for (const made of calls) await expect(made).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
  for (const answer of answers) answer()
  await vi.runAllTimersAsync()
  expect(deks.flatMap((dek) => [...dek])).toEqual(Array.from({ length: 64 }, () => 0))
})

it('every operation is passed through a retrying KMS, and so is close()', async () => {
  const kms = new MemoryKms()
  const wrapped = retrying(kms, 2)
  expect(await wrapped.describe('cmk', signal)).toEqual({ provider: 'memory', publicKeyWraps: false })
  const dek = new Uint8Array(32).fill(3)
  const ciphertextDek = await wrapped.wrapDek({ ...call, dek })
  expect(await wrapped.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
  await wrapped.verify({ ...call, use: 'wrap' })
  await wrapped.close?.()
  expect(kms.closed).toBe(true)
})
