import { describe, expect, it } from 'vitest'
import { EnvelopeError } from '../../src/errors.js'
import { Patience, type WaitingForKms } from '../../src/operate/patience.js'
import { thrownBy } from '../support/emissions.js'
import { FakeClock } from '../support/fake-clock.js'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function patience() {
  const clock = new FakeClock()
  clock.jitter = () => 0
  const waits: WaitingForKms[] = []
  return { clock, waits, patience: new Patience(clock, (waiting) => waits.push(waiting)) }
}

const away = new EnvelopeError('KMS_UNAVAILABLE', 'the KMS is away')

describe('waiting for a KMS', () => {
  it('a KMS that fails transiently is asked again, after longer and longer waits, until it answers', async () => {
    const { clock, waits, patience: waiting } = patience()
    let attempts = 0
    const attempt = (): Promise<number> =>
      ++attempts < 10 ? Promise.reject(away) : Promise.resolve(attempts)
    const done = waiting.repeat(attempt, new AbortController().signal)
    for (let n = 0; n < 9; n++) {
      await settle()
      clock.advance(30_000)
    }
    expect(await done).toBe(10)
    expect(waits.map(({ code, what }) => `${code} ${what}`)).toEqual(
      Array(9).fill('KMS_UNAVAILABLE the KMS is away'),
    )
    expect(waits.map(({ waitedMs }) => waitedMs)).toEqual(waits.map((_, n) => n * 30_000))
  })

  it('the waits begin with a quarter of a second and end with 15 seconds, if chance has it so', async () => {
    const { clock, patience: waiting } = patience()
    let attempts = 0
    const { signal } = new AbortController()
    void waiting
      .repeat(() => Promise.reject(++attempts === 9 ? new Error('over') : away), signal)
      .catch(() => undefined)
    const steps = [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]
    for (const [n, ms] of steps.entries()) {
      await settle()
      clock.advance(ms - 1)
      await settle()
      expect(attempts).toBe(n + 1)
      clock.advance(1)
      await settle()
      expect(attempts).toBe(n + 2)
    }
  })

  it('what does not pass by itself is not tried again', async () => {
    const { waits, patience: waiting } = patience()
    const denied = new EnvelopeError('KMS_DENIED', 'no')
    const { signal } = new AbortController()
    expect(await thrownBy(() => waiting.repeat(() => Promise.reject(denied), signal))).toBe(denied)
    expect(waits).toEqual([])
  })

  it('a wait ends when the run does', async () => {
    const { clock, patience: waiting } = patience()
    const run = new AbortController()
    const thrown = thrownBy(() => waiting.repeat(() => Promise.reject(away), run.signal))
    await settle()
    run.abort()
    expect(await thrown).toBeInstanceOf(EnvelopeError)
    expect(clock.timers).toBe(0)
  })
})
