import type { Kafka, RecordMetadata } from 'kafkajs'
import { encryptKafka } from '../../clients/kafkajs/index.js'
import { onAbort } from '../../cancellation.js'
import { stopwatch, type Clock } from '../../clock.js'
import {
  createEncryption,
  type EncryptedTopicRule,
  type Encryption,
  type EncryptionConfig,
} from '../../index.js'
import { figure } from '../../units.js'
import { describeValue } from '../inspect/describe-value.js'
import { fetchRecord, type RecordPlace } from '../inspect/fetch-record.js'
import { readTopics } from '../topics/read-topics.js'
import { messageOf, oursIn } from './facts/message-of.js'
import { fine, found, unchecked, type Outcome } from './finding.js'

/** The header of every canary, by which consumers recognise one. Its value is different for each. */
export const CANARY_HEADER = 'kafka-envelope-canary'

/** What became of a canary. */
export interface CanaryReport {
  readonly topic: string
  /** Absent if it was not written. */
  readonly partition?: number
  /** Decimal. */
  readonly offset?: string
  /** In order. After one that failed, none is taken. */
  readonly steps: readonly CanaryStep[]
}

export interface CanaryStep {
  readonly step: 'seal and write' | 'look at what the broker has' | 'read and open'
  readonly ok: boolean
  readonly ms: number
}

export interface Canary {
  readonly kafka: Kafka
  readonly config: EncryptionConfig
  /** The rule of the topic; it encrypts. */
  readonly rule: EncryptedTopicRule<string, string>
  readonly topic: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A wrapped consumer would wait for its KMS for ever. */
const STEP_MS = 60_000
/** From then on, the clocks of this machine and of the broker differ more than the network explains. */
const SKEW_MS = 60_000

/** Writes one sealed record into a topic, looks at it, reads it, and compares. */
export async function flyCanary(canary: Canary): Promise<{ report: CanaryReport; outcomes: Outcome[] }> {
  const { topic } = canary
  const steps: CanaryStep[] = []
  const outcomes: Outcome[] = []
  let place: RecordPlace | undefined
  let encryption: Encryption | undefined
  try {
    const value = Buffer.from(JSON.stringify({ [CANARY_HEADER]: crypto.randomUUID() }))
    const taking = stepTaker(canary, steps)
    const written = await taking('seal and write', async () => {
      encryption = await createEncryption(alone(canary))
      return write(canary, encryption, value)
    })
    place = written.place
    outcomes.push(...skew(written))
    const added = await taking('look at what the broker has', () =>
      expectSealed(canary.kafka, written.place, value),
    )
    outcomes.push(fine('canary', `it is sealed on the broker; sealing added ${figure(added)} bytes`))
    if (canary.rule.decrypt === undefined) {
      outcomes.push(unchecked('canary', 'whether it opens: its rule has no `decrypt`'))
    } else {
      await taking('read and open', (signal) =>
        expectOpens(canary, encryption as Encryption, written.place, value, signal),
      )
      outcomes.push(fine('canary', 'a wrapped consumer opened it and got what was written'))
    }
  } catch (error) {
    canary.signal.throwIfAborted()
    outcomes.push(failed(topic, steps, error))
  } finally {
    await encryption?.close()
  }
  const at = place && { partition: place.partition, offset: String(place.offset) }
  return { report: { topic, ...at, steps }, outcomes }
}

/** The configuration with the one rule, which stops at any record that does not open. It keeps no DEK. */
function alone({ config, rule }: Canary): EncryptionConfig {
  const { dekStore: _, overrides: __, ...rest } = config
  const decrypt = rule.decrypt && {
    ...rule.decrypt,
    onInvalid: 'stop' as const,
    onUnreadable: 'stop' as const,
  }
  return { ...rest, topics: [decrypt === undefined ? rule : { ...rule, decrypt }] }
}

type TakeStep = <T>(step: CanaryStep['step'], take: (signal: AbortSignal) => Promise<T>) => Promise<T>

/** Takes steps, each in limited time, and notes how they end. */
function stepTaker({ clock, signal }: Canary, steps: CanaryStep[]): TakeStep {
  return async (step, take) => {
    const elapsed = stopwatch(clock)
    const controller = new AbortController()
    const over = new Promise<never>((_, reject) => {
      onAbort(controller.signal, () => {
        reject(controller.signal.reason as Error)
      })
    })
    const forward = onAbort(signal, () => {
      controller.abort(signal.reason)
    })
    const cancel = clock.timeout(() => {
      controller.abort(new Error(`it took longer than ${String(STEP_MS / 1000)} seconds`))
    }, STEP_MS)
    let ok = false
    try {
      const result = await Promise.race([take(controller.signal), over])
      ok = true
      return result
    } finally {
      cancel()
      forward()
      steps.push({ step, ok, ms: Math.round(elapsed()) })
    }
  }
}

interface Written {
  readonly place: RecordPlace
  /** The time of the broker, if the topic has it, and of this machine before and after. In ms since 1970. */
  readonly appended: number | undefined
  readonly before: number
  readonly after: number
}

async function write(
  { kafka, topic, clock }: Canary,
  encryption: Encryption,
  value: Buffer,
): Promise<Written> {
  const producer = encryptKafka(kafka, encryption).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  try {
    const before = clock.wallMs()
    const message = { key: CANARY_HEADER, value, headers: { [CANARY_HEADER]: crypto.randomUUID() } }
    const [metadata] = await producer.send({ topic, messages: [message] })
    const after = clock.wallMs()
    const { partition, baseOffset, logAppendTime } = metadata as RecordMetadata
    const appended = Number(logAppendTime ?? -1)
    const place = { topic, partition, offset: BigInt(baseOffset ?? 0) }
    return { place, appended: appended < 0 ? undefined : appended, before, after }
  } finally {
    await producer.disconnect()
  }
}

/** Only a topic with `message.timestamp.type=LogAppendTime` tells the time of the broker. */
function skew({ appended, before, after }: Written): Outcome[] {
  if (appended === undefined) return []
  const offMs = appended < before ? before - appended : Math.max(0, appended - after)
  if (offMs <= SKEW_MS) {
    // The broker may have taken its time at any moment of the send.
    const mostMs = Math.max(Math.abs(appended - before), Math.abs(after - appended))
    return [
      fine('clock', `it differs from that of the broker by at most ${String(Math.ceil(mostMs / 1000))} s`),
    ]
  }
  const seconds = String(Math.ceil(offMs / 1000))
  return [
    found('clock-skew', {
      subject: 'clock of this machine',
      what: `it is ${seconds} s ${appended < before ? 'ahead of' : 'behind'} that of the broker`,
      remedy: 'Let both get their time from NTP',
    }),
  ]
}

/** Returns how many bytes sealing added. @throws Error if the broker has the plaintext */
async function expectSealed(kafka: Kafka, place: RecordPlace, value: Buffer): Promise<number> {
  const stored = (await fetchRecord({ kafka, place })).value
  const { form } = await describeValue(stored)
  if (form !== 'envelope' || stored?.includes(value) !== false)
    throw new Error('the broker has a record that is not sealed')
  return stored.length - value.length
}

async function expectOpens(
  { kafka }: Canary,
  encryption: Encryption,
  { topic, partition, offset }: RecordPlace,
  value: Buffer,
  signal: AbortSignal,
): Promise<void> {
  let opened: Buffer | null | undefined
  await readTopics({
    kafka: encryptKafka(kafka, encryption),
    purpose: 'canary',
    ranges: [{ topic, partition, from: offset, to: offset + 1n }],
    // As the wrapped consumer delivers it.
    readUncommitted: true,
    onBatch: ({ messages: [message] }) => {
      opened = message?.value
      return 'stop'
    },
    signal,
  })
  if (opened === undefined) throw new Error('the consumer got no record')
  if (opened?.equals(value) !== true)
    throw new Error('the consumer got another value than the one that was written')
}

function failed(topic: string, steps: readonly CanaryStep[], error: unknown): Outcome {
  const step = steps.at(-1)?.step ?? 'seal and write'
  return found('canary-failed', {
    subject: `canary in topic ${topic}`,
    what: `${step} failed: ${messageOf(error)}`,
    remedy:
      oursIn(error)?.remedy ??
      'Check that the topic exists, that this user may write to it and read it, and that its partitions have leaders',
  })
}
