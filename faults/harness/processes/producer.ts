/** A producing process: sends numbered records, one send after the other, and repeats a send until it is acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from 'kafkajs'
import { encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { Ledger, now, type Produced } from '../ledger.js'
import { KEY, valueOf } from '../record.js'
import { poisoning } from './poison.js'
import { encryptionOf, kafkaOf, reasonOf, serve, setup as given, tell } from './process.js'
import type { ProducerSetup } from './setup.js'

const REPEAT_MS = 200

const setup = given() as ProducerSetup
const {
  name,
  topic,
  partition,
  keys,
  batch,
  count = Infinity,
  pausesAt,
  pauseMs,
  valueBytes,
  idempotent = false,
  poison,
} = setup
const ledger = new Ledger(setup.ledger)
const state = { isFinishing: false }
let goOn = (): void => undefined
const told = new Promise<void>((resolve) => (goOn = resolve))
serve({
  continue: goOn,
  finish: () => {
    state.isFinishing = true
  },
  end: () => {
    process.disconnect()
  },
})

const encryption = await encryptionOf(setup)
const plain = kafkaOf(setup).producer({ idempotent })
const producer = encryptProducer(plain, encryption)
await producer.connect()
const send: (messages: Message[]) => Promise<unknown> =
  poison === undefined
    ? (messages) => producer.send({ topic, messages })
    : poisoning({ encryption, plain, topic, poison })
// One that has a number of records to send finishes with the last of them.
const isEndless = count === Infinity
tell('ready')
for (let from = 0; from < count && !(isEndless && state.isFinishing); from += batch) {
  const to = Math.min(from + batch, count)
  if (from === pausesAt) await told
  await sendUntilAcknowledged(from, to)
  if (pauseMs > 0) await sleep(pauseMs)
}
await producer.disconnect()
await encryption.close()
tell('finished')

async function sendUntilAcknowledged(from: number, to: number): Promise<void> {
  const messages = Array.from({ length: to - from }, (_, i) => {
    const n = from + i
    const key = `${KEY}${String(n % keys)}`
    const value = valueOf({ producer: name, n, key }, valueBytes)
    return partition === undefined ? { key, value } : { key, value, partition }
  })
  const note = (what: Produced['what']): void => {
    ledger.produced({ at: now(), what, producer: name, from, to })
  }
  for (;;) {
    note('sent')
    try {
      await send(messages)
      note('acked')
      return
    } catch (error) {
      note('refused')
      tell('refused', { reason: reasonOf(error), from })
      await sleep(REPEAT_MS)
    }
  }
}
