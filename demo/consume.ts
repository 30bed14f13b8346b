import type { KmsPlace } from './kms.js'
import { demoEncryption, demoKafka, orderTopics, topicsOf } from './setup.js'
import { received, type FromConsumer } from './wire.js'
import { decryptConsumer } from '../src/clients/kafkajs/index.js'

/*
 * The consuming process: opens the records of the topics and passes them to its parent, until it is told to end or the
 * parent has ended.
 */

const [place = '', run = ''] = process.argv.slice(2)

function tell(message: FromConsumer): void {
  // The callback learns whether the parent received it. Without one, a parent that has ended would cause an uncaught
  // error.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const topics = topicsOf(run)
const encryption = await demoEncryption(JSON.parse(place) as KmsPlace, topics)
const kmsCalls: Record<string, number> = {}
encryption.on('kms.call', ({ operation, outcome }) => {
  const name = outcome === 'ok' ? operation : `${operation} (failed)`
  kmsCalls[name] = (kmsCalls[name] ?? 0) + 1
})
encryption.on('consumer.stopped', ({ message }) => {
  tell({ failed: message })
})
const consumer = decryptConsumer(
  demoKafka().consumer({
    groupId: `demo.billing.${run}`,
    maxWaitTimeInMs: 100,
    allowAutoTopicCreation: false,
  }),
  encryption,
)

let first: number | undefined
let last = 0
consumer.on(consumer.events.START_BATCH_PROCESS, () => {
  first ??= performance.now()
})
consumer.on(consumer.events.END_BATCH_PROCESS, () => {
  last = performance.now()
})

async function start(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: orderTopics(topics), fromBeginning: true })
  await consumer.run({
    eachBatch: ({ batch: { topic, messages } }) => {
      tell({ records: messages.map((message) => received(topic, message)) })
      return Promise.resolve()
    },
  })
}

const END_MS = 5000
const starting = start()
let ending: Promise<void> | undefined
function end(): void {
  ending ??= (async () => {
    setTimeout(() => process.exit(1), END_MS).unref()
    // A consumer that is disconnected during its start would connect again.
    await starting
    await consumer.disconnect()
    await encryption.close()
    tell({ end: { kmsCalls, busyMs: last - (first ?? last) } })
    if (process.connected) process.disconnect()
  })()
}
process.once('message', end)
process.once('disconnect', end)
// The parent may have ended before there was a listener.
if (!process.connected) end()
// Ctrl-C reaches the parent too, which ends this process.
process.on('SIGINT', () => undefined)

await starting
