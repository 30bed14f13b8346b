import { expect, it } from 'vitest'
import type { Instant } from '../../../src/clock.js'
import { sealingState } from '../../../src/keys/sealing/sealing-state.js'
import {
  INITIAL,
  type RotatingDek,
  type RotationRule,
  type RotationState,
} from '../../../src/policy/rotation-state.js'

const RULE: RotationRule = {
  rotate: { maxAgeMs: 1000, maxMessages: 100, maxBytes: 10_000 },
  prefetchMs: 0,
  graceMs: 500,
}
const at = (ms: number): Instant => ({ runningMs: ms, elapsedMs: ms, wallMs: ms })
const dek = (id: number): RotatingDek => ({
  id,
  arrived: at(0),
  arrivedAgeMs: 10,
  usage: { messages: 3, bytes: 30 },
  prefetchAt: {} as RotatingDek['prefetchAt'],
})
const reported = (state: RotationState, atMs = 100) =>
  sealingState({ rule: 'r' }, RULE, state, at(atMs), (id) => ({ id: Buffer.alloc(16, id), missing: [] }))

const OF_DEK = { sessionId: '07'.repeat(16), messages: 3, bytes: 30, ageMs: 110, rotatesInMs: 890 }

it('a state without a DEK reports its name, and the failure of the last call if there was one', () => {
  expect(reported(INITIAL)).toStrictEqual({ rule: 'r', state: 'empty' })
  const failures = { ...INITIAL.failures, last: 'KMS_TIMEOUT' as const }
  expect(reported({ ...INITIAL, failures })).toStrictEqual({
    rule: 'r',
    state: 'empty',
    failure: 'KMS_TIMEOUT',
  })
})

it('a DEK that seals is reported with its use, its age, and whether the next one is there', () => {
  const ready = { ...INITIAL, at: 'ready', dek: dek(7), next: undefined } as const
  expect(reported(ready)).toStrictEqual({ rule: 'r', state: 'ready', ...OF_DEK, nextReady: false })
  expect(reported({ ...ready, next: dek(8) })).toMatchObject({ ...OF_DEK, nextReady: true })
  expect(reported(ready, 5000)).toMatchObject({ ageMs: 5010, rotatesInMs: 0 })
})

it('a DEK in its grace is reported with the limit that it passed and the time that is left', () => {
  const overdue = { dek: dek(7), limit: 'messages', since: at(50) } as const
  const used = { messages: 0, bytes: 0 }
  expect(reported({ ...INITIAL, at: 'grace', overdue, code: 'KMS_UNAVAILABLE', used })).toStrictEqual({
    rule: 'r',
    state: 'grace',
    ...OF_DEK,
    rotatesInMs: 0,
    nextReady: false,
    grace: { limit: 'messages', code: 'KMS_UNAVAILABLE', leftMs: 450 },
  })
})

it('a DEK that is kept past its limit while sends wait has no next one', () => {
  const overdue = { dek: dek(7), limit: 'messages', since: at(50) } as const
  expect(reported({ ...INITIAL, at: 'fetching', overdue })).toMatchObject({
    state: 'fetching',
    nextReady: false,
  })
})
