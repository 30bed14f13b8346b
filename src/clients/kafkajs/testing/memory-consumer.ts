import { EventEmitter, once } from 'node:events'
import type { Batch, Consumer, ConsumerRunConfig, KafkaMessage } from 'kafkajs'
import { Pauses } from '../pauses.js'

/** A KafkaJS consumer without a broker: a test delivers messages to it. */
export interface MemoryConsumer extends Consumer {
  /**
   * Passes messages of one partition, in order of their offsets, to the handler given to `run`, and returns the offset at
   * which the consumer would continue. Like KafkaJS, it passes a batch again from there as long as that makes progress;
   * unlike KafkaJS, it does not retry failures. It first waits until the partition is no longer paused, and ends when it
   * is paused: a wrapped consumer pauses a partition whose KMS is unavailable, until the KMS answers again.
   *
   * @throws the error of the handler, or of this library if a message stops the consumer
   */
  deliver(topic: string, messages: readonly KafkaMessage[], partition?: number): Promise<string>
}

const EVENTS: Consumer['events'] = {
  HEARTBEAT: 'consumer.heartbeat',
  COMMIT_OFFSETS: 'consumer.commit_offsets',
  GROUP_JOIN: 'consumer.group_join',
  FETCH_START: 'consumer.fetch_start',
  FETCH: 'consumer.fetch',
  START_BATCH_PROCESS: 'consumer.start_batch_process',
  END_BATCH_PROCESS: 'consumer.end_batch_process',
  CONNECT: 'consumer.connect',
  DISCONNECT: 'consumer.disconnect',
  STOP: 'consumer.stop',
  CRASH: 'consumer.crash',
  REBALANCING: 'consumer.rebalancing',
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics',
  REQUEST: 'consumer.network.request',
  REQUEST_TIMEOUT: 'consumer.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'consumer.network.request_queue_size',
}

const done = (): Promise<void> => Promise.resolve()
const nothing = (): void => undefined

/** A consumer to wrap and to pass to the code under test in place of `kafka.consumer({ groupId })`. */
export function memoryConsumer(): MemoryConsumer {
  let config: ConsumerRunConfig | undefined
  const pauses = new Pauses()
  // Any number of deliveries may wait.
  const emitter = new EventEmitter().setMaxListeners(0)
  const configured = (): ConsumerRunConfig => {
    if (config === undefined) throw new Error('memoryConsumer(): the code under test did not call run()')
    return config
  }
  const end = (): Promise<void> => {
    config = undefined
    pauses.clear()
    emitter.emit('resumed')
    return done()
  }
  return {
    events: EVENTS,
    connect: done,
    subscribe: done,
    run(given = {}) {
      config = given
      return done()
    },
    stop: end,
    disconnect: end,
    commitOffsets: done,
    seek: nothing,
    pause: (all) => {
      pauses.pause(all)
    },
    paused: () => pauses.list(),
    resume: (all) => {
      pauses.resume(all)
      emitter.emit('resumed')
    },
    on: (event: string, listener: (payload: never) => void) => {
      const listen = listener as () => void
      emitter.on(event, listen)
      return () => emitter.off(event, listen)
    },
    logger: () => ({
      info: nothing,
      error: nothing,
      warn: nothing,
      debug: nothing,
      namespace: never,
      setLogLevel: nothing,
    }),
    describeGroup: never,
    async deliver(topic, messages, partition = 0) {
      configured()
      const isPaused = (): boolean => pauses.include({ topic, partition })
      const began = (): void =>
        void emitter.emit(EVENTS.START_BATCH_PROCESS, { payload: { topic, partition } })
      const place = { topic, partition, isPaused, began }
      while (isPaused()) await once(emitter, 'resumed')
      const { eachBatch, eachMessage = done } = configured()
      return eachBatch
        ? deliverBatches(eachBatch, place, messages)
        : deliverEach(eachMessage, place, messages)
    },
  }
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly isPaused: () => boolean
  /** Announces a batch, as KafkaJS does. */
  readonly began: () => void
}

async function deliverEach(
  eachMessage: NonNullable<ConsumerRunConfig['eachMessage']>,
  { isPaused, began, ...place }: Place,
  messages: readonly KafkaMessage[],
): Promise<string> {
  let next = messages[0]?.offset ?? '0'
  began()
  for (const message of messages) {
    // A copy, because a consumer that is interrupted marks the message that it was given.
    const given = { ...message }
    await eachMessage({ ...place, message: given, heartbeat: done, pause: () => nothing })
    next = after(given.offset)
    if (given.offset !== message.offset || isPaused()) break
  }
  return next
}

async function deliverBatches(
  eachBatch: NonNullable<ConsumerRunConfig['eachBatch']>,
  { isPaused, began, ...place }: Place,
  messages: readonly KafkaMessage[],
): Promise<string> {
  let next = BigInt(messages[0]?.offset ?? 0)
  for (let before = -1n; next > before && !isPaused();) {
    before = next
    const left = messages.filter(({ offset }) => BigInt(offset) >= before)
    if (left.length === 0) break
    began()
    await eachBatch({
      batch: batchOf(place, left),
      resolveOffset: (offset) => {
        next = BigInt(offset) + 1n
      },
      heartbeat: done,
      pause: () => nothing,
      commitOffsetsIfNecessary: done,
      uncommittedOffsets: () => ({ topics: [] }),
      isRunning: () => true,
      isStale: () => false,
    })
  }
  return next.toString()
}

function batchOf(place: Pick<Place, 'topic' | 'partition'>, messages: readonly KafkaMessage[]): Batch {
  const last = messages.at(-1)?.offset ?? '-1'
  return {
    ...place,
    messages: messages.map((message) => ({ ...message })),
    highWatermark: after(last),
    isEmpty: () => messages.length === 0,
    firstOffset: () => messages[0]?.offset ?? null,
    lastOffset: () => last,
    offsetLag: () => '0',
    offsetLagLow: () => '0',
  }
}

function after(offset: string): string {
  return (BigInt(offset) + 1n).toString()
}

function never(): never {
  throw new Error('memoryConsumer() has no broker to ask')
}
