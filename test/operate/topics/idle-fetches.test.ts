import type { Admin, Consumer } from 'kafkajs'
import { expect, it } from 'vitest'
import { IdleFetches } from '../../../src/operate/topics/idle-fetches.js'

const EVENTS = ['FETCH_START', 'FETCH', 'END_BATCH_PROCESS'] as const

interface Fetching {
  readonly idle: IdleFetches
  emit(name: (typeof EVENTS)[number], payload?: object): void
}

/** Of a consumer whose fetches wait up to 100 ms for records, in a cluster that has these brokers by now. */
function fetching(...present: number[]): Fetching {
  const ears = new Map<string, (event: unknown) => void>()
  const events = Object.fromEntries(EVENTS.map((name) => [name, name]))
  const on = (name: string, ear: (event: unknown) => void): void => void ears.set(name, ear)
  const brokers = present.map((nodeId) => ({ nodeId, host: 'h', port: 9092 }))
  const describeCluster: Admin['describeCluster'] = () =>
    Promise.resolve({ brokers, controller: null, clusterId: 'c' })
  const idle = new IdleFetches({ events, on } as unknown as Consumer, { describeCluster }, 100)
  return { idle, emit: (name, payload) => ears.get(name)?.({ payload }) }
}

it('a fetch counts once it is known that it brought nothing, before the next one', () => {
  const { idle, emit } = fetching()
  emit('FETCH_START', { nodeId: 1 })
  emit('FETCH', { nodeId: 1, duration: 100 })
  expect(idle.count).toBe(0)
  emit('FETCH_START', { nodeId: 1 })
  expect(idle.count).toBe(1)
  emit('FETCH', { nodeId: 1, duration: 3 })
  emit('END_BATCH_PROCESS')
  emit('FETCH_START', { nodeId: 1 })
  expect(idle.count).toBe(0)
})

it('the slowest broker counts, and a fetch that did not wait for records counts for the time that it took', () => {
  const { idle, emit } = fetching()
  const fetch = (nodeId: number, duration: number): void => {
    emit('FETCH', { nodeId, duration })
    emit('FETCH_START', { nodeId })
  }
  for (const nodeId of [1, 2]) emit('FETCH_START', { nodeId })
  for (let i = 0; i < 5; i++) fetch(1, 400)
  expect(idle.count).toBe(0)
  for (let i = 0; i < 4; i++) fetch(2, 25)
  expect(idle.count).toBe(1)
})

it('a broker that has left the cluster is not waited for, but one that is slow is', async () => {
  const { idle, emit } = fetching(1, 2)
  for (const nodeId of [1, 2, 3]) emit('FETCH_START', { nodeId })
  for (let i = 0; i < 40; i++) {
    emit('FETCH', { nodeId: 1, duration: 100 })
    emit('FETCH_START', { nodeId: 1 })
  }
  await Promise.resolve()
  await Promise.resolve()
  expect(idle.count).toBe(0)
  for (let i = 0; i < 10; i++) {
    emit('FETCH', { nodeId: 2, duration: 100 })
    emit('FETCH_START', { nodeId: 2 })
  }
  expect(idle.count).toBe(10)
})
