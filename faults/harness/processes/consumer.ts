/** A consuming process: writes down every record that its handler receives. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsumerRunConfig, KafkaMessage } from 'kafkajs'
import { decryptConsumer, envelopeOf } from '../../../src/clients/kafkajs/index.js'
import type { RejectionAnswer } from '../../../src/index.js'
import { Ledger, now } from '../ledger.js'
import { numberedIn } from '../record.js'
import { encryptionOf, kafkaOf, reasonOf, serve, setup as given, tell, tellTimeouts } from './process.js'
import type { ConsumerSetup } from './setup.js'

const RESTART_MS = 500
const REPLACEMENT = 'replaced'

const setup = given() as ConsumerSetup
const { topics, group, handler, concurrency, handleMs, sessionTimeoutMs, decides, isSupervised } = setup
const ledger = new Ledger(setup.ledger)

const decide = (): RejectionAnswer =>
  decides === 'replace' ? { value: Buffer.from(REPLACEMENT) } : (decides ?? 'stop')
const encryption = await encryptionOf(
  setup,
  decides === undefined ? {} : { onInvalid: decide, onUnreadable: decide },
)
const kafka = kafkaOf(setup)
const deadLetters = kafkaOf({ ...setup, brokers: setup.deadLetterBrokers ?? setup.brokers }).producer()
const consumer = decryptConsumer(
  kafka.consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.min(500, sessionTimeoutMs / 10),
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 100,
  }),
  encryption,
  { deadLetters },
)
let isEnding = false
serve({ end: () => void end() })
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  tell('joined', { assigned: payload.memberAssignment })
})
consumer.on(consumer.events.REBALANCING, () => {
  tell('rebalancing')
})
consumer.on(consumer.events.CRASH, ({ payload }) => {
  tell('crash', { reason: reasonOf(payload.error), restart: payload.restart })
  if (!payload.restart && isSupervised && !isEnding) void restart()
})
tellTimeouts(consumer)
await deadLetters.connect()
await run()
tell('ready')

async function run(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  await consumer.run(running())
}

function running(): ConsumerRunConfig {
  const partitionsConsumedConcurrently = concurrency
  if (handler === 'eachMessage') {
    return {
      partitionsConsumedConcurrently,
      eachMessage: async ({ topic, partition, message }) => {
        note(topic, partition, [message])
        if (handleMs > 0) await sleep(handleMs)
      },
    }
  }
  return {
    partitionsConsumedConcurrently,
    eachBatch: async ({ batch }) => {
      note(batch.topic, batch.partition, batch.messages)
      if (handleMs > 0) await sleep(handleMs)
    },
  }
}

function note(topic: string, partition: number, messages: readonly KafkaMessage[]): void {
  const at = now()
  // A policy's own value is none of a producer's records, and is marked.
  const own = messages.filter((message) => !isReplaced(message))
  if (own.length < messages.length) tell('replaced', { count: messages.length - own.length })
  ledger.consumed(
    own.map((message) => ({
      at,
      topic,
      partition,
      offset: Number(message.offset),
      record: envelopeOf(message) === undefined ? undefined : numberedIn(message.key, message.value),
    })),
  )
}

function isReplaced(message: KafkaMessage): boolean {
  return message.value?.toString() === REPLACEMENT && envelopeOf(message)?.replaced !== undefined
}

async function restart(): Promise<void> {
  await sleep(RESTART_MS)
  if (isEnding) return
  await run().catch((error: unknown) => {
    tell('failed', { reason: reasonOf(error) })
  })
}

async function end(): Promise<void> {
  isEnding = true
  await consumer.disconnect()
  await deadLetters.disconnect()
  await encryption.close()
  process.disconnect()
}
