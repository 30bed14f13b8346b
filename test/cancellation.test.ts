import { describe, expect, it } from 'vitest'
import {
  cancelled,
  onAbort,
  pause,
  raceAbort,
  refuseCancelled,
  waitFor,
  withDeadline,
} from '../src/cancellation.js'
import { EnvelopeError } from '../src/errors.js'
import { thrownBy } from './support/emissions.js'
import { FakeClock } from './support/fake-clock.js'

const closed = new EnvelopeError('ENCRYPTION_CLOSED', 'closed')
const never = (): Promise<never> => new Promise(() => undefined)
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A promise that the test settles by hand. */
function byHand<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((...both) => ([resolve, reject] = both))
  return {
    promise,
    resolve: (value: T) => {
      resolve(value)
    },
    reject: (error: unknown) => {
      reject(error)
    },
  }
}

describe('a cancelled call', () => {
  it('a cancelled call fails with the reason of the abort if that is an EnvelopeError, else with KMS_TIMEOUT', () => {
    expect(cancelled(AbortSignal.abort(closed))).toBe(closed)
    for (const reason of [undefined, 'over', new Error('secret')]) {
      const error = cancelled(AbortSignal.abort(reason))
      expect(error.code).toBe('KMS_TIMEOUT')
      expect(error.message).toContain('the call was cancelled')
      expect(error.cause).toBeUndefined()
    }
  })

  it('a cancelled call is refused before it starts', () => {
    expect(() => {
      refuseCancelled(AbortSignal.abort(closed))
    }).toThrow(closed)
    refuseCancelled(new AbortController().signal)
  })
})

describe('a listener of a signal', () => {
  it('a listener of a signal is called once at the abort, or immediately if that has happened', () => {
    const calls: string[] = []
    const controller = new AbortController()
    onAbort(controller.signal, () => calls.push('before'))
    onAbort(controller.signal, () => calls.push('removed'))()
    expect(calls).toEqual([])
    controller.abort()
    onAbort(controller.signal, () => calls.push('after'))
    expect(calls).toEqual(['before', 'after'])
  })
})

describe('a promise raced against a signal', () => {
  it('a promise raced against a signal settles as the promise does if that comes first', async () => {
    const { signal } = new AbortController()
    expect(await raceAbort(Promise.resolve(1), signal)).toBe(1)
    expect(await thrownBy(() => raceAbort(Promise.reject(closed), signal))).toBe(closed)
  })

  it('a promise raced against a signal rejects at the abort; a result that comes later is discarded, and a late rejection is handled', async () => {
    const controller = new AbortController()
    const [late, failing] = [byHand<string>(), byHand<string>()]
    const discarded: string[] = []
    const discard = (value: string): never => {
      discarded.push(value)
      throw new Error('of any shape')
    }
    const racing = [late, failing].map(({ promise }) =>
      thrownBy(() => raceAbort(promise, controller.signal, discard)),
    )
    controller.abort()
    for (const error of await Promise.all(racing)) expect(error).toMatchObject({ code: 'KMS_TIMEOUT' })
    late.resolve('late')
    failing.reject(new Error('late'))
    await settle()
    expect(discarded).toEqual(['late'])
  })

  it('a promise raced against a signal gives its result to the caller or discards it, never both: a DEK must not be wiped in use', async () => {
    const controller = new AbortController()
    const { promise, resolve } = byHand<string>()
    const discarded: string[] = []
    const race = raceAbort(promise, controller.signal, (value) => discarded.push(value))
    void promise.then(() => {
      controller.abort()
    })
    resolve('in time')
    expect(await race).toBe('in time')
    await settle()
    expect(discarded).toEqual([])
  })

  it('a promise raced against a signal rejects if the signal has already aborted, and the result is discarded', async () => {
    const discarded: number[] = []
    const race = raceAbort(Promise.resolve(1), AbortSignal.abort(), (late) => discarded.push(late))
    expect(await thrownBy(() => race)).toMatchObject({ code: 'KMS_TIMEOUT' })
    await settle()
    expect(discarded).toEqual([1])
  })
})

describe('a wait', () => {
  it('a wait ends with the value, when its time is over, or when the signal aborts, and leaves no timer', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const { signal } = controller
    expect(await waitFor(Promise.resolve(1), { clock, ms: 10, signal })).toEqual({ value: 1 })
    const late = waitFor(never(), { clock, ms: 10 })
    clock.advance(9)
    expect(clock.timers).toBe(1)
    clock.advance(1)
    expect(await late).toBe('late')
    const aborted = waitFor(never(), { clock, ms: 10, signal })
    controller.abort()
    expect(await aborted).toBe('aborted')
    expect(await thrownBy(() => waitFor(Promise.reject(closed), { clock, ms: 10 }))).toBe(closed)
    expect(clock.timers).toBe(0)
  })

  it('a pause lasts as long as it says, or ends like a cancelled call', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const passed = pause(10, controller.signal, clock)
    clock.advance(10)
    await passed
    const cut = thrownBy(() => pause(10, controller.signal, clock))
    controller.abort(closed)
    expect(await cut).toBe(closed)
    expect(clock.timers).toBe(0)
  })
})

describe('a call with a deadline', () => {
  const late = (): EnvelopeError => new EnvelopeError('KEY_WAIT_TIMEOUT', 'late')

  it('a call with a deadline ends with its result, and leaves neither timer nor listener', async () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    expect(await withDeadline(() => Promise.resolve(1), signal, { clock, ms: 10, late })).toBe(1)
    expect(clock.timers).toBe(0)
  })

  it.each(['late', 'cancelled'] as const)(
    'a call with a deadline that is %s fails immediately, tells the call why, and discards a later result',
    async (how) => {
      const clock = new FakeClock()
      const controller = new AbortController()
      const call = byHand<string>()
      const discarded: string[] = []
      let own: AbortSignal | undefined
      const calling = thrownBy(() =>
        withDeadline(
          (signal) => {
            own = signal
            return call.promise
          },
          controller.signal,
          { clock, ms: 10, late },
          (value) => discarded.push(value),
        ),
      )
      expect(own?.aborted).toBe(false)
      if (how === 'late') clock.advance(10)
      else controller.abort(closed)
      const error = await calling
      expect(error).toMatchObject({ code: how === 'late' ? 'KEY_WAIT_TIMEOUT' : 'ENCRYPTION_CLOSED' })
      expect(own?.reason).toBe(error)
      call.resolve('late')
      await settle()
      expect(discarded).toEqual(['late'])
      expect(clock.timers).toBe(0)
    },
  )

  it('a call with a deadline that is cancelled before it starts is not made', async () => {
    const calls: string[] = []
    const run = (): Promise<void> => {
      calls.push('made')
      return Promise.resolve()
    }
    const deadline = { clock: new FakeClock(), ms: 10, late }
    expect(await thrownBy(() => withDeadline(run, AbortSignal.abort(), deadline))).toMatchObject({
      code: 'KMS_TIMEOUT',
    })
    expect(calls).toEqual([])
  })
})
