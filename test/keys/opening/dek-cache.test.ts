import { expect, it } from 'vitest'
import { Dek } from '../../../src/crypto/dek.js'
import { DekCache } from '../../../src/keys/opening/dek-cache.js'
import { OpenedDek } from '../../../src/keys/opening/opened-dek.js'
import { cmkOf } from '../../support/cmks.js'
import { FakeClock } from '../../support/fake-clock.js'
import { MemoryKms } from '../../support/memory-kms.js'

const TTL_MS = 60_000

async function cache(maxDeks = 10) {
  const clock = new FakeClock()
  const cmk = await cmkOf('memory', new MemoryKms(), 'cmk')
  const kept = new DekCache({ maxDeks, ttlMs: TTL_MS }, clock)
  /** A DEK that arrives with this age. */
  const opened = (arrivedAgeMs = 0): OpenedDek => {
    const since = clock.monotonicMs()
    return new OpenedDek(
      cmk,
      Dek.take(new Uint8Array(32).fill(7)),
      () => arrivedAgeMs + clock.monotonicMs() - since,
      () => undefined,
    )
  }
  return { clock, kept, opened }
}

it('a DEK that replaces one that is too old stays', async () => {
  const { kept, opened } = await cache()
  kept.keep('a', opened(TTL_MS))
  const next = opened()
  expect(kept.get('a')).toBeUndefined()
  kept.keep('a', next)
  await Promise.resolve()
  expect(kept.get('a')).toBe(next)
})

it('a DEK that is too old when it arrives is gone with the next timer, and serves nothing', async () => {
  const { clock, kept, opened } = await cache()
  kept.keep('a', opened(2 * TTL_MS))
  clock.advance(1)
  expect([kept.size, clock.timers]).toEqual([0, 0])
})

it('the DEK that is asked for all the time is not the one that makes room', async () => {
  const { kept, opened } = await cache(2)
  const [a, b, c] = [opened(), opened(), opened()]
  kept.keep('a', a)
  expect(kept.get('a')).toBe(a)
  kept.keep('b', b)
  expect(kept.get('a')).toBe(a)
  kept.keep('c', c)
  expect([kept.get('a'), kept.get('b'), kept.get('c')]).toEqual([a, undefined, c])
})

it('a DEK that was dropped is gone, although it was asked for last', async () => {
  const { kept, opened } = await cache(1)
  const one = opened()
  kept.keep('a', one)
  expect(kept.get('a')).toBe(one)
  kept.drop(() => true)
  expect(kept.get('a')).toBeUndefined()
  kept.keep('a', one)
  expect(kept.get('a')).toBe(one)
  kept.keep('b', opened())
  expect(kept.get('a')).toBeUndefined()
})
