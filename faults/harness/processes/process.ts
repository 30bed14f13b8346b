import { Kafka, logLevel, type Consumer, type KafkaConfig } from 'kafkajs'
import {
  createEncryption,
  isEnvelopeError,
  type DecryptRule,
  type Encryption,
  type TopicRule,
} from '../../../src/index.js'
import { localKms } from '../../../src/kms/local/index.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import type { Asked, ClockStep, Memory, Setup, Told } from './setup.js'
import { stepClock } from './stepped-clock.js'

/* What producers and consumers share: each is a process of its own, which uses the public API alone. */

export function setup(): unknown {
  return JSON.parse(process.argv[2] ?? '')
}

export function tell(what: string, details: Told['details'] = {}): void {
  if (process.connected)
    process.send?.({ what, details } satisfies Told, undefined, undefined, () => undefined)
}

const TOLD = [
  'consumer.waiting',
  'consumer.stopped',
  'dek.created',
  'dek.retired',
  'dek.grace',
  'dek.waited',
] as const
/** How often each of the events happened that are too many to tell. */
const counts: Record<string, number> = {}

function count(...what: readonly (string | undefined)[]): void {
  const name = what.filter((part) => part !== undefined).join(' ')
  counts[name] = (counts[name] ?? 0) + 1
}

/** An encryption of the setup, which tells its events. @param policies replace those of all decrypt rules */
export async function encryptionOf(
  { encryption }: Setup,
  policies: Pick<DecryptRule, 'onInvalid' | 'onUnreadable'> = {},
): Promise<Encryption> {
  const { kms, topics, ...rest } = encryption
  const made = await createEncryption({
    ...rest,
    kms: Object.fromEntries(
      Object.entries(kms).map(([name, options]) => [
        name,
        'keyring' in options ? localKms({ keyring: options.keyring }) : tencentKms(options),
      ]),
    ),
    topics: topics.map((rule): TopicRule =>
      'decrypt' in rule ? { ...rule, decrypt: { ...rule.decrypt, ...policies } } : rule,
    ),
  })
  for (const name of TOLD) {
    made.on(name, (event) => {
      tell(name, { ...event })
    })
  }
  made.on('kms.call', ({ operation, outcome, code }) => {
    count(operation, outcome, code)
  })
  made.on('record.rejected', ({ action, kind }) => {
    count(action, kind)
  })
  return made
}

export function kafkaOf(setup: Setup): Kafka {
  return new Kafka(kafkaConfigOf(setup))
}

export function kafkaConfigOf({ brokers, name, requestTimeoutMs }: Setup): KafkaConfig {
  return {
    clientId: name,
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
    retry: { initialRetryTime: 50, maxRetryTime: 1000 },
  }
}

/** Tells of each request of a consumer that the broker did not answer in time. */
export function tellTimeouts(consumer: Consumer): void {
  consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => {
    tell('request timed out', { api: payload.apiName })
  })
}

/** What went wrong, without what it may quote. */
export function reasonOf(error: unknown): string {
  if (isEnvelopeError(error)) return error.code
  // KafkaJS names the broker's answer in `type`.
  if (error instanceof Error) return 'type' in error ? String(error.type) : error.name
  return typeof error
}

/** Answers what the parent asks, until it asks for the end. A process whose parent is gone ends. */
export function serve(answers: Readonly<Partial<Record<Asked, () => void>>>): void {
  process.on('message', (asked: Asked | ClockStep) => {
    if (typeof asked === 'object') stepClock(asked.stepClockMs)
    else if (asked === 'memory') tell('memory', { ...memory() })
    else if (asked === 'counts') tell('counts', counts)
    else answers[asked]?.()
  })
  process.on('disconnect', () => process.exit())
}

function memory(): Memory {
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return { heapBytes: heapUsed, residentBytes: rss, handles: process.getActiveResourcesInfo().length }
}
