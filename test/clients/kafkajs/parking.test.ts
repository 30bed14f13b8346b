import type { KafkaMessage } from 'kafkajs'
import { describe, expect, it, vi } from 'vitest'
import { decryptConsumer } from '../../../src/clients/kafkajs/index.js'
import { EnvelopeError } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { CANARY, thrownBy } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'
import { message, StandIn } from './stand-in.js'

const away = new EnvelopeError('KMS_UNAVAILABLE', 'away')

/** A wrapped consumer of topic `t`, and `count` messages under as many DEKs, none of which is cached. */
async function consuming(count = 1, how: 'eachMessage' | 'eachBatch' = 'eachMessage') {
  const { encryption, kms, events } = await memoryEncryption(
    [
      {
        match: ['t'],
        encrypt: { cmk: 'main', rotate: { maxMessages: 1, allowFrequentRotation: true } },
        decrypt: { cmk: 'main' },
      },
    ],
    { kmsRetries: 0, kmsTimeout: '15s' },
  )
  const messages: KafkaMessage[] = []
  for (let i = 0; i < count; i++) {
    const [sealed] = await sealRecords(encryption, [{ topic: 't', value: `${CANARY} ${String(i)}` }])
    messages.push(message(sealed?.value as Buffer, 0))
  }
  encryption.evict('cmk')
  kms.calls.length = 0
  const kafka = new StandIn()
  const consumer = decryptConsumer(kafka.consumer, encryption)
  const delivered: string[] = []
  const deliver = (partition: number, { offset }: KafkaMessage): void => {
    delivered.push(`${String(partition)}/${offset}`)
  }
  /** That of the payload that was given last. */
  const payload: { pause?: () => () => void } = {}
  await consumer.run(
    how === 'eachMessage'
      ? {
          eachMessage: async ({ partition, message, pause }) => {
            payload.pause = pause
            deliver(partition, message)
            await Promise.resolve()
          },
        }
      : {
          eachBatch: async ({ batch: { partition, messages }, pause }) => {
            payload.pause = pause
            for (const message of messages) deliver(partition, message)
            await Promise.resolve()
          },
        },
  )
  const waiting = () => encryption.health().waiting.map(({ partition }) => partition)
  return { encryption, kms, events, messages, kafka, consumer, delivered, payload, waiting }
}

const place = (partition: number) => [{ topic: 't', partitions: [partition] }]

it('a consumer goes on with its other partitions while one waits for a KMS, and then with that one', async () => {
  const { encryption, kms, messages, kafka, delivered } = await consuming(2)
  const [first, second] = messages as [KafkaMessage, KafkaMessage]
  await kafka.fetch([second], 1)
  kms.failure = away
  for (let i = 0; i < 3; i++) {
    kafka.position = 0
    await kafka.fetch([first], 0)
    await kafka.fetch([second], 1)
  }
  expect(delivered).toEqual(['1/0', '1/0', '1/0', '1/0'])
  kms.failure = undefined
  await kafka.resumed(0)
  kafka.position = 0
  await kafka.fetch([first], 0)
  expect(delivered.at(-1)).toBe('0/0')
  expect(encryption.health().status).toBe('ok')
  await encryption.close()
})

it.each(['eachMessage', 'eachBatch'] as const)(
  'a pause of a payload of %s ends the wait of its partition, and outlasts the outage',
  async (how) => {
    const { encryption, kms, messages, kafka, delivered, payload, waiting } = await consuming(2, how)
    const topic = messages.map((one, offset) => ({ ...one, offset: String(offset) }))
    await kafka.fetch(topic.slice(0, 1))
    kms.failure = away
    await kafka.fetch(topic)
    expect(waiting()).toEqual([0])
    const resume = payload.pause?.()
    expect(waiting()).toEqual([])
    kms.failure = undefined
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(kafka.isPaused()).toBe(true)
    resume?.()
    // It waits once more, for the call that its CMK is tried with.
    await kafka.fetch(topic)
    await kafka.resumed()
    await kafka.fetch(topic)
    expect(delivered).toEqual(['0/0', '0/1'])
    await encryption.close()
  },
)

it('partitions that wait for one KMS do not wait in place again, and ask it one at a time', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming(16)
  kms.failure = away
  for (const [partition, one] of messages.entries()) await kafka.fetch([one], partition)
  expect(waiting()).toHaveLength(16)
  // One failed in place; each of the others asks once in the background.
  await vi.waitFor(() => {
    expect(kms.calls.length).toBeGreaterThanOrEqual(16)
  })
  kms.failure = undefined
  kms.hold = true
  await kms.waitForHeld()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(kms.held).toHaveLength(1)
  kms.held[0]?.succeed()
  await kms.waitForHeld(15)
  for (const call of [...kms.held]) call.succeed()
  await Promise.all(messages.map((_, partition) => kafka.resumed(partition)))
  await encryption.close()
})

it('a call that takes longer than a second parks the partition, and is not made again', async () => {
  const { encryption, kms, messages, kafka, delivered, waiting } = await consuming()
  kms.hold = true
  await kafka.fetch(messages)
  expect(waiting()).toEqual([0])
  expect(kms.held).toHaveLength(1)
  kms.held[0]?.succeed()
  await kafka.resumed()
  await kafka.fetch(messages)
  expect([delivered, kms.calls.length]).toEqual([['0/0'], 1])
  await encryption.close()
})

it('a key that was lost from the cache before it was used is waited for in place, however long its KMS takes', async () => {
  const { encryption, kms, messages, kafka, delivered } = await consuming()
  kms.failure = away
  await kafka.fetch(messages)
  kms.failure = undefined
  await kafka.resumed()
  encryption.evict('cmk')
  kms.hold = true
  const fetching = kafka.fetch(messages)
  await kms.waitForHeld()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(kafka.isPaused()).toBe(false)
  kms.held[0]?.succeed()
  await fetching
  expect(delivered).toEqual(['0/0'])
  await encryption.close()
})

it('a partition whose wait is over waits in place for its next key for a second at most, like any other', async () => {
  const { encryption, kms, messages, kafka, delivered, waiting } = await consuming(2)
  const topic = messages.map((one, offset) => ({ ...one, offset: String(offset) }))
  kms.failure = away
  await kafka.fetch(topic.slice(0, 1))
  kms.failure = undefined
  await kafka.resumed()
  await kafka.fetch(topic.slice(0, 1))
  expect(delivered).toEqual(['0/0'])
  kms.hold = true
  await kafka.fetch(topic)
  expect(waiting()).toEqual([0])
  // It has not waited until the call was given up, after 15 seconds.
  expect(encryption.health().waiting[0]?.waitedMs).toBeLessThan(10_000)
  await encryption.close()
})

it('a wait in place that KafkaJS ends is listed no longer once its record is read again and opens at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const { encryption, kms, messages, kafka, delivered, waiting } = await consuming()
    kms.failure = away
    await kafka.fetch(messages)
    kms.failure = undefined
    await vi.advanceTimersByTimeAsync(1000)
    encryption.evict('cmk')
    kms.hold = true
    const rebalancing = new Error('the group is rebalancing')
    const fetching = thrownBy(() => kafka.fetch(messages))
    await vi.advanceTimersByTimeAsync(3000)
    expect([kafka.isPaused(), waiting()]).toEqual([false, [0]])
    kafka.onHeartbeat = () => Promise.reject(rebalancing)
    kms.held[0]?.succeed()
    expect(await fetching).toBe(rebalancing)
    expect([delivered, waiting()]).toEqual([[], [0]])
    await kafka.fetch(messages)
    expect([delivered, waiting()]).toEqual([['0/0'], []])
    await encryption.close()
  } finally {
    vi.useRealTimers()
  }
})

it('a record that its KMS finally refuses ends its wait, and is treated as the rule says', async () => {
  const { encryption, kms, messages, kafka } = await consuming()
  kms.failure = away
  await kafka.fetch(messages)
  kms.failure = new EnvelopeError('CMK_DISABLED', 'no')
  await kafka.resumed()
  expect(await thrownBy(() => kafka.fetch(messages))).toMatchObject({ code: 'CMK_DISABLED' })
  await encryption.close()
})

it('an encryption that is closed while a record waits stops its consumer', async () => {
  const { encryption, kms, messages, kafka } = await consuming()
  kms.failure = away
  await kafka.fetch(messages)
  await encryption.close()
  expect(kafka.isPaused()).toBe(false)
  expect(await thrownBy(() => kafka.fetch(messages))).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
})

it('a wait is reported while it lasts, with the last failure', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const { encryption, kms, events, messages, kafka } = await consuming()
    kms.failure = away
    await kafka.fetch(messages)
    kms.failure = new EnvelopeError('KMS_THROTTLED', 'busy')
    await vi.advanceTimersByTimeAsync(200)
    kms.failure = undefined
    kms.hold = true
    await vi.advanceTimersByTimeAsync(30_000)
    const waits = events.flatMap((event) => (event.name === 'consumer.waiting' ? [event] : []))
    const codes = waits.map(({ code }) => code)
    // In the end, the call itself took too long.
    expect(codes.filter((code, i) => code !== codes[i - 1])).toEqual([
      'KMS_UNAVAILABLE',
      'KMS_THROTTLED',
      'KMS_TIMEOUT',
    ])
    const waited = waits.map(({ waitedMs }) => waitedMs)
    for (const [i, ms] of waited.entries()) {
      expect(ms - (waited[i - 1] ?? 0)).toBeGreaterThanOrEqual(0)
      expect(ms - (waited[i - 1] ?? 0)).toBeLessThanOrEqual(10_000)
    }
    expect(waited.at(-1)).toBeGreaterThan(20_000)
    await encryption.close()
  } finally {
    vi.useRealTimers()
  }
})

it('a KMS that recovered while no partition asked it is asked at once', async () => {
  const { encryption, kms, messages, kafka, consumer } = await consuming(2)
  const topic = messages.map((one, offset) => ({ ...one, offset: String(offset) }))
  kms.failure = away
  await kafka.fetch(topic.slice(0, 1))
  // The pauses grow meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  consumer.seek({ topic: 't', partition: 0, offset: '1' })
  kms.failure = undefined
  const asked = kms.calls.length
  await kafka.fetch(topic)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(kms.calls.length).toBe(asked + 1)
  await encryption.close()
})

it('a wait that is over is no longer listed, although its record never comes', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming()
  kms.failure = away
  await kafka.fetch(messages)
  kms.failure = undefined
  await kafka.resumed()
  expect([encryption.health().status, waiting()]).toEqual(['ok', []])
  await encryption.close()
})

it('a wait is no longer listed once KafkaJS itself is stopped', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming()
  kms.failure = away
  await kafka.fetch(messages)
  kafka.emit('consumer.stop', {})
  expect(waiting()).toEqual([])
  await encryption.close()
})

it('a wait counts from its start in place', async () => {
  const { encryption, kms, events, messages, kafka } = await consuming()
  kms.hold = true
  await kafka.fetch(messages)
  const [wait] = events.filter(({ name }) => name === 'consumer.waiting')
  expect(wait).toMatchObject({ code: 'KMS_TIMEOUT' })
  expect((wait as { waitedMs: number }).waitedMs).toBeGreaterThan(900)
  kms.held[0]?.succeed()
  await encryption.close()
})

it('the position of a parked partition is committed, so that a new group does not begin after it', async () => {
  const { encryption, kms, messages, kafka } = await consuming()
  kms.failure = away
  await kafka.fetch(messages.map((one) => ({ ...one, offset: '7' })))
  expect(kafka.committed).toEqual(['0/7'])
  await encryption.close()
})

it('a position that cannot be committed is no error for KafkaJS, which would not join the group again', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming()
  kafka.onCommit = () => Promise.reject(new Error('the group is rebalancing'))
  kms.failure = away
  await kafka.fetch(messages)
  expect([kafka.isPaused(), waiting()]).toEqual([true, [0]])
  await encryption.close()
})

it('a partition that goes to another consumer while its record is opened is not parked, and its position not committed', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming()
  kms.hold = true
  const fetching = kafka.fetch(messages)
  await kms.waitForHeld()
  kafka.emit('consumer.group_join', { groupId: 'g', memberAssignment: { t: [1] } })
  await fetching
  expect([kafka.isPaused(), waiting(), kafka.committed, kafka.position]).toEqual([false, [], [], 0])
  kms.held[0]?.succeed()
  await encryption.close()
})

it('the rest of a batch is not handled, even if its partition can go on before KafkaJS has gone through it', async () => {
  const { encryption, kms, messages, kafka, delivered } = await consuming(2)
  const topic = messages.map((one, offset) => ({ ...one, offset: String(offset) }))
  kms.failure = away
  encryption.on('consumer.waiting', () => {
    kms.failure = undefined
  })
  // KafkaJS looks whether the partition is paused only after a heartbeat, when it is resumed already.
  kafka.beforeNext = () => kafka.resumed()
  await kafka.fetch(topic)
  expect([delivered, kafka.position]).toEqual([[], 0])
  await kafka.resumed()
  await kafka.fetch(topic)
  expect(delivered[0]).toBe('0/0')
  await encryption.close()
})

describe('the application', () => {
  it('the application paused a partition after its batch was fetched: a wait does not replace that pause, and does not end it', async () => {
    const { encryption, kms, messages, kafka, consumer, waiting } = await consuming()
    kms.failure = away
    encryption.on('kms.call', () => {
      consumer.pause(place(0))
    })
    await kafka.fetch(messages)
    kms.failure = undefined
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect([kafka.isPaused(), consumer.paused(), waiting(), kms.calls.length]).toEqual([
      true,
      place(0),
      [],
      1,
    ])
    await encryption.close()
  })

  it('the application moves a partition elsewhere when it learns that it waits', async () => {
    const { encryption, kms, messages, kafka, consumer } = await consuming()
    encryption.on('consumer.waiting', () => {
      consumer.seek({ topic: 't', partition: 0, offset: '1' })
    })
    kms.failure = away
    await kafka.fetch(messages)
    expect(kafka.isPaused()).toBe(false)
    await encryption.close()
  })

  it('the application does not see that a partition is paused for its wait, and sees its own pauses', async () => {
    const { encryption, kms, messages, kafka, consumer } = await consuming()
    kms.failure = away
    await kafka.fetch(messages)
    consumer.pause(place(3))
    expect(kafka.isPaused()).toBe(true)
    expect(consumer.paused()).toEqual(place(3))
    consumer.pause(place(0))
    expect(consumer.paused()).toEqual([{ topic: 't', partitions: [0, 3] }])
    await encryption.close()
  })

  it('the application pauses a partition that waits: the wait ends, and the partition stays paused when the KMS answers', async () => {
    const { encryption, kms, messages, kafka, consumer, waiting } = await consuming()
    kms.failure = away
    await kafka.fetch(messages)
    consumer.pause(place(0))
    expect(waiting()).toEqual([])
    kms.failure = undefined
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect([kafka.isPaused(), kms.calls.length]).toEqual([true, 1])
    consumer.resume(place(0))
    expect(kafka.isPaused()).toBe(false)
    await encryption.close()
  })

  it('the application resumes a partition that waits: it goes on waiting', async () => {
    const { encryption, kms, messages, kafka, consumer } = await consuming()
    kms.failure = away
    await kafka.fetch(messages)
    consumer.resume([{ topic: 't' }])
    expect(kafka.isPaused()).toBe(true)
    expect(consumer.paused()).toEqual([])
    kms.failure = undefined
    await kafka.resumed()
    await encryption.close()
  })

  it('the application moves a partition that waits elsewhere: it is read from there immediately', async () => {
    const { encryption, kms, messages, kafka, consumer, delivered, waiting } = await consuming()
    const other = await sealRecords(encryption, [{ topic: 't', value: CANARY }])
    kms.failure = away
    await kafka.fetch(messages)
    consumer.seek({ topic: 't', partition: 0, offset: '9' })
    expect([kafka.isPaused(), waiting()]).toEqual([false, []])
    const topic = [...messages, message(other[0]?.value as Buffer, 9)]
    await kafka.fetch(topic)
    expect(encryption.health().waiting).toMatchObject([{ offset: '9' }])
    kms.failure = undefined
    await kafka.resumed()
    await kafka.fetch(topic)
    expect(delivered).toEqual(['0/9'])
    await encryption.close()
  })

  it.each(['stop', 'disconnect'] as const)(
    'the application calls %s() while a partition waits: the KMS is not asked again',
    async (call) => {
      const { encryption, kms, messages, kafka, consumer, waiting } = await consuming()
      kms.failure = away
      await kafka.fetch(messages)
      await consumer[call]()
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect([kms.calls.length, waiting()]).toEqual([1, []])
      await encryption.close()
    },
  )
})

it('a partition that goes to another consumer is no longer paused, in case it comes back', async () => {
  const { encryption, kms, messages, kafka, waiting } = await consuming(2)
  kms.failure = away
  for (const [partition, one] of messages.entries()) await kafka.fetch([one], partition)
  kafka.emit('consumer.group_join', { groupId: 'g', memberAssignment: { t: [1] } })
  expect([kafka.isPaused(0), kafka.isPaused(1), waiting()]).toEqual([false, true, [1]])
  await encryption.close()
})
