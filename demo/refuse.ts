import type { Message } from 'kafkajs'
import type { Encryption, EncryptionEvents, ErrorCode } from '../src/index.js'
import { readRaw, type RawMessage } from './raw.js'
import type { Report } from './report.js'
import { demoKafka } from './setup.js'
import { within, type Stage } from './stage.js'
import { decryptConsumer, encryptProducer } from '../src/clients/kafkajs/index.js'

const REFUSE_MS = 20_000
const BEFORE = 'good, before'
const AFTER = 'good, after'
/** The offset of the bad record, between the two good ones. */
const BAD_OFFSET = 1

interface BadRecord {
  readonly what: string
  readonly topic: string
  /** The policy of the topic's rule for invalid records. */
  readonly action: 'skip' | 'stop'
  readonly code: ErrorCode
  readonly make: (sealedHere: RawMessage) => Message
}

/** Writes one bad record to each of three topics, and shows how a decrypting consumer handles it. */
export async function refuse(
  stage: Stage,
  encryption: Encryption,
  sealedElsewhere: RawMessage,
  report: Report,
): Promise<void> {
  const { tampered, moved, plaintext } = stage.topics
  const cases: BadRecord[] = [
    {
      what: 'a record with one bit of its body flipped',
      topic: tampered,
      action: 'skip',
      code: 'AUTHENTICATION_FAILED',
      make: (sealedHere) => ({ ...contentOf(sealedHere), value: withLastBitFlipped(sealedHere.value) }),
    },
    {
      what: `a record moved here from ${sealedElsewhere.topic}`,
      topic: moved,
      action: 'stop',
      code: 'WRONG_TOPIC',
      make: () => contentOf(sealedElsewhere),
    },
    {
      what: 'a plaintext record',
      topic: plaintext,
      action: 'skip',
      code: 'NOT_SEALED',
      make: () => ({ key: 'a', value: '{"customer":"nobody"}' }),
    },
  ]
  await Promise.all(cases.map((bad) => refuseOne(stage, encryption, bad, report)))
}

async function refuseOne(
  stage: Stage,
  encryption: Encryption,
  bad: BadRecord,
  report: Report,
): Promise<void> {
  const { topic } = bad
  await write(stage, encryption, bad)

  const rejected: EncryptionEvents['record.rejected'][] = []
  const removeListener = encryption.on('record.rejected', (event) => {
    if (event.topic === topic) rejected.push(event)
  })
  const groupId = topic.replace('demo.', 'demo.reader.')
  const { delivered, stopped } = await deliver(stage, encryption, topic, groupId)
  removeListener()
  const [committed] = await stage.admin.fetchOffsets({ groupId, topics: [topic] })
  const offset = committed?.partitions[0]?.offset ?? '-1'

  const [first] = rejected
  report.say(
    `  ${bad.what} (onInvalid: ${bad.action})\n` +
      `    record.rejected: ${first ? `${first.code}, ${first.action}, offset ${first.offset ?? '?'}` : 'none'}` +
      `${stopped ? `; stopped: ${stopped.code ?? stopped.message}` : ''}\n` +
      `    delivered: ${delivered.join(' | ')}; committed offset: ${offset}`,
  )
  const skips = bad.action === 'skip'
  report.expect(
    rejected.length === 1 && first?.code === bad.code && first.action === bad.action,
    `${bad.what} should have been refused once, with ${bad.code}`,
  )
  report.expect(first?.offset === String(BAD_OFFSET), `${bad.what}: refused at another offset`)
  report.expect(
    delivered.join() === (skips ? [BEFORE, AFTER] : [BEFORE]).join(),
    `${bad.what}: other records were delivered than should have been`,
  )
  report.expect(skips ? !stopped : stopped?.code === bad.code, `${bad.what}: should ${bad.action}`)
  report.expect(
    skips ? Number(offset) === BAD_OFFSET + 2 : Number(offset) <= BAD_OFFSET,
    `${bad.what}: offset ${offset} was committed`,
  )
}

/** Sends the bad record with a plain producer, between two good ones from an encrypting producer. */
async function write(stage: Stage, encryption: Encryption, { topic, make }: BadRecord): Promise<void> {
  const { kafka } = stage
  const plain = kafka.producer({ allowAutoTopicCreation: false })
  const sealing = encryptProducer(kafka.producer({ allowAutoTopicCreation: false }), encryption)
  await Promise.all([plain.connect(), sealing.connect()])
  try {
    await sealing.send({ topic, messages: [{ key: 'a', value: BEFORE }] })
    const [good] = await readRaw(stage, topic.replace('demo.', 'demo.raw.'), [topic], 1)
    await plain.send({ topic, messages: [make(good as RawMessage)] })
    await sealing.send({ topic, messages: [{ key: 'a', value: AFTER }] })
  } finally {
    await Promise.all([plain.disconnect(), sealing.disconnect()])
  }
}

/** Consumes until the last record has arrived or the consumer has stopped permanently. */
async function deliver(
  { atEnd }: Stage,
  encryption: Encryption,
  topic: string,
  groupId: string,
): Promise<{ delivered: string[]; stopped: EncryptionEvents['consumer.stopped'] | undefined }> {
  const delivered: string[] = []
  let stopped: EncryptionEvents['consumer.stopped'] | undefined
  const consumer = decryptConsumer(
    demoKafka({ silent: true }).consumer({ groupId, maxWaitTimeInMs: 100, allowAutoTopicCreation: false }),
    encryption,
  )
  atEnd(() => consumer.disconnect())
  let removeListener = (): void => undefined
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const over = new Promise<void>((resolve, reject) => {
      removeListener = encryption.on('consumer.stopped', (event) => {
        if (event.groupId !== groupId) return
        stopped = event
        resolve()
      })
      consumer
        .run({
          eachMessage: ({ message: { value } }) => {
            delivered.push(value?.toString() ?? 'null')
            if (delivered.at(-1) === AFTER) resolve()
            return Promise.resolve()
          },
        })
        .catch(reject)
    })
    await within(REFUSE_MS, `reading ${topic}`, over)
  } finally {
    removeListener()
    await consumer.disconnect()
  }
  return { delivered, stopped }
}

function contentOf({ key, value, headers }: RawMessage): Message {
  return { key, value, ...(headers ? { headers } : {}) }
}

function withLastBitFlipped(value: Buffer | null): Buffer {
  const flipped = Buffer.from(value ?? '')
  const last = flipped.length - 1
  flipped.writeUInt8(flipped.readUInt8(last) ^ 1, last)
  return flipped
}
