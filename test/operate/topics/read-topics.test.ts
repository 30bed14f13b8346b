import type { Kafka } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { readTopics, type TopicsReading } from '../../../src/operate/topics/read-topics.js'

const EVENTS = ['CRASH', 'GROUP_JOIN', 'FETCH_START', 'FETCH', 'END_BATCH_PROCESS'] as const

interface Given {
  /** The partitions of topic `t` that the group gives to this consumer. */
  readonly assigned: readonly number[]
  readonly onSubscribe?: () => void
}

/** A client whose broker has one node, and gives no records. */
function silentKafka({ assigned, onSubscribe }: Given): { kafka: Kafka; groupIds: string[] } {
  const groupIds: string[] = []
  const ears: { readonly name: string; readonly ear: (event: unknown) => void }[] = []
  const emit = (name: (typeof EVENTS)[number], payload: object): void => {
    for (const each of ears) if (each.name === name) each.ear({ payload })
  }
  const done = (): Promise<void> => Promise.resolve()
  const consumer = {
    events: Object.fromEntries(EVENTS.map((name) => [name, name])),
    connect: done,
    disconnect: done,
    seek: () => undefined,
    pause: () => undefined,
    subscribe: () => {
      onSubscribe?.()
      return done()
    },
    on: (name: string, ear: (event: unknown) => void) => void ears.push({ name, ear }),
    run: async () => {
      emit('GROUP_JOIN', { memberAssignment: { t: assigned } })
      for (let fetches = 0; fetches < 20; fetches++) {
        emit('FETCH_START', { nodeId: 1 })
        emit('FETCH', { nodeId: 1, duration: 500 })
        await done()
      }
    },
  }
  const partition = (partitionId: number): object => ({ partitionId, leader: 1, partitionErrorCode: 0 })
  const admin = {
    connect: done,
    disconnect: done,
    deleteGroups: done,
    fetchTopicMetadata: () =>
      Promise.resolve({ topics: [{ name: 't', partitions: [partition(0), partition(1)] }] }),
  }
  const kafka = {
    admin: () => admin,
    consumer: ({ groupId }: { groupId: string }) => {
      groupIds.push(groupId)
      return consumer
    },
  }
  return { kafka: kafka as unknown as Kafka, groupIds }
}

const RANGES = [0, 1].map((partition) => ({ topic: 't', partition, from: 0n, to: 5n }))
const reading = (kafka: Kafka, signal?: AbortSignal): TopicsReading => ({
  ...{ kafka, purpose: 'test', ranges: RANGES, onBatch: () => undefined },
  ...(signal && { signal }),
})

describe('readTopics', () => {
  it('offsets for which the broker gives nothing are told', async () => {
    const { kafka } = silentKafka({ assigned: [0, 1] })
    expect(await readTopics(reading(kafka))).toEqual(RANGES)
  })

  it('a partition that was not assigned to the reader is refused', async () => {
    const { kafka } = silentKafka({ assigned: [0] })
    await expect(readTopics(reading(kafka))).rejects.toThrow(
      'topic t: partition 1 was not assigned to this reader; try again',
    )
  })

  it('two readings of one process are never in one consumer group', async () => {
    const { kafka, groupIds } = silentKafka({ assigned: [0, 1] })
    for (let i = 0; i < 2; i++) await readTopics(reading(kafka))
    expect(new Set(groupIds).size).toBe(2)
  })

  it('an interruption while the consumer connects ends the reading', async () => {
    const controller = new AbortController()
    const { kafka } = silentKafka({
      assigned: [0, 1],
      onSubscribe: () => {
        controller.abort(new Error('interrupted'))
      },
    })
    // All readings have the same consumer.
    kafka.consumer({ groupId: 'g' }).run = () => Promise.reject(new Error('it went on'))
    await expect(readTopics(reading(kafka, controller.signal))).rejects.toThrow('interrupted')
  })
})
