import type { Admin, Kafka } from 'kafkajs'
import { systemClock } from '../../clock.js'
import type { DecryptRule, EncryptionConfig } from '../../index.js'
import { TopicIndex } from '../../policy/topics.js'
import { Findings } from '../scan/findings.js'
import { endsWithOpenTransactions } from '../topics/open-transactions.js'
import { partitionName, rangesOf, type OffsetRange, type Start } from '../topics/ranges.js'
import { readTopics, type ReadBatch } from '../topics/read-topics.js'
import { retentions } from '../topics/retentions.js'
import { groupsOf, type GroupCutover } from './groups.js'
import { PartitionCounts, type PartitionCutover } from './partition-counts.js'
import { acceptedBy, phasesOf, wayBack, type Accepted, type Phase, type TopicFacts } from './phases.js'
import { PlaintextWriters, type PlaintextWriter } from './plaintext-writers.js'
import { hasEnded } from './until-offsets.js'

export interface CutoverOptions {
  readonly kafka: Kafka
  readonly topics: readonly string[]
  /** Where the reading begins. Default: at records of the last 24 hours, by their timestamps. */
  readonly since?: Start
  /** The rules that consumers have. Default none: which plaintext they accept is then unknown. */
  readonly rules?: EncryptionConfig['topics']
  /** Names of headers whose values tell writers of plaintext apart. Default none: values of headers may be personal data. */
  readonly headers?: readonly string[]
  /** Offsets done, and in all. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** How far a migration from plaintext is. */
export interface CutoverReport {
  /** When the reading began, in ISO 8601. */
  readonly readAt: string
  /** Where it began: a time in ISO 8601, by the timestamps of records; an offset in each partition, decimal; or the beginning. */
  readonly since: { readonly time: string } | { readonly offset: string } | 'beginning'
  readonly topics: readonly TopicCutover[]
}

export interface TopicCutover {
  readonly topic: string
  /** The first pattern, or the name, of the rule that decrypts it; null if there is none, or rules were not given. */
  readonly rule: string | null
  readonly accepts: Accepted
  readonly partitions: readonly PartitionCutover[]
  /** From whom the plaintext is that still arrives. */
  readonly writers: readonly PlaintextWriter[]
  /** Records of plaintext from still other writers. */
  readonly otherWriters: number
  readonly groups: readonly GroupCutover[]
  /** How long the topic keeps a record at most, in ms; null if time removes none. */
  readonly keepsMs: number | null
  readonly phases: readonly Phase[]
  /** What it takes to go back to plaintext now. */
  readonly wayBack: readonly string[]
}

/** Where a topic ends. Offsets are decimal. */
export interface TopicEnds {
  readonly topic: string
  readonly partitions: readonly Pick<PartitionCutover, 'partition' | 'end'>[]
}

type TopicRule = EncryptionConfig['topics'][number]

const DAY_MS = 86_400_000

/**
 * Reads topics up to their ends, also the records of open transactions, and says which phases of a migration from plaintext
 * are over. Changes nothing and needs no key.
 *
 * @throws Error for a topic that does not exist; the errors of KafkaJS; the reason of `signal`
 */
export async function cutoverStatus(options: CutoverOptions): Promise<CutoverReport> {
  const { kafka, signal, since = { time: new Date(systemClock.wallMs() - DAY_MS) } } = options
  const topics = [...new Set(options.topics)]
  const readAt = new Date(systemClock.wallMs()).toISOString()
  const admin = kafka.admin()
  try {
    await admin.connect()
    const ranges = await rangesOf(admin, topics, since)
    const lows = await rangesOf(admin, topics)
    const readings = topics.map((topic) => readingOf(topic, ranges, lows, options))
    await readAll(readings, ranges, options)
    return { readAt, since: shownStart(since), topics: await reports(admin, readings) }
  } catch (error) {
    // An error that comes after an interruption is not what the caller has to know.
    signal?.throwIfAborted()
    throw error
  } finally {
    await admin.disconnect()
  }
}

function shownStart(start: Start): CutoverReport['since'] {
  if (start === 'beginning') return start
  return 'time' in start ? { time: start.time.toISOString() } : { offset: String(start.offset) }
}

/**
 * The partitions of topics, and where they end for readers of committed records.
 * @throws Error for a topic that does not exist; the errors of KafkaJS
 */
export async function topicEnds(kafka: Kafka, topics: readonly string[]): Promise<readonly TopicEnds[]> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const ranges = await rangesOf(admin, topics)
    return topics.map((topic) => ({
      topic,
      partitions: ranges
        .filter((range) => range.topic === topic)
        .map(({ partition, to }) => ({ partition, end: String(to) })),
    }))
  } finally {
    await admin.disconnect()
  }
}

/** One topic that is read. */
interface Reading {
  readonly topic: string
  readonly rule: TopicRule | undefined
  readonly isRuleKnown: boolean
  readonly writers: PlaintextWriters
  readonly partitions: ReadonlyMap<number, PartitionCounts>
}

function readingOf(
  topic: string,
  ranges: readonly OffsetRange[],
  lows: readonly OffsetRange[],
  { rules, headers = [] }: CutoverOptions,
): Reading {
  const rule = rules && new TopicIndex(rules, ({ match }) => match).find(topic)
  const plaintext = decryptOf(rule)?.plaintext
  const writers = new PlaintextWriters(headers)
  const findings = new Findings()
  const partitions = ranges
    .filter((range) => range.topic === topic)
    .map((range) => {
      const until = plaintext?.untilOffsets[topic]?.[range.partition]
      const low = lows.find((each) => each.topic === topic && each.partition === range.partition)?.from
      const counts = new PartitionCounts({
        range,
        low: low ?? range.from,
        until: until === undefined ? undefined : BigInt(until),
        fingerprints: plaintext?.fingerprints ?? [],
        findings,
        writers,
      })
      return [range.partition, counts] as const
    })
  return { topic, rule, isRuleKnown: rules !== undefined, writers, partitions: new Map(partitions) }
}

function decryptOf(rule: TopicRule | undefined): DecryptRule | undefined {
  return rule !== undefined && 'decrypt' in rule ? rule.decrypt : undefined
}

/** Reads committed records first, then what came meanwhile or is in open transactions: plaintext could be there, too. */
async function readAll(
  readings: readonly Reading[],
  ranges: readonly OffsetRange[],
  { kafka, onProgress, signal }: CutoverOptions,
): Promise<void> {
  const counts = new Map(
    readings.flatMap(({ topic, partitions }) =>
      [...partitions].map(([partition, each]) => [partitionName(topic, partition), each] as const),
    ),
  )
  const total = Number(ranges.reduce((sum, { from, to }) => sum + (to - from), 0n))
  let done = 0
  const onBatch = ({ topic, partition, messages }: ReadBatch): undefined => {
    counts.get(partitionName(topic, partition))?.count(messages)
    done += messages.length
    onProgress?.(Math.min(done, total), total)
  }
  const reading = { kafka, purpose: 'cutover', onBatch, ...(signal && { signal }) }
  const unread = [...(await readTopics({ ...reading, ranges }))]
  const ends = await endsWithOpenTransactions(kafka, ranges, signal)
  const rest = ranges.flatMap(({ topic, partition, to }) => {
    const end = ends.get(partitionName(topic, partition))
    return end === undefined || end <= to ? [] : [{ topic, partition, from: to, to: end }]
  })
  unread.push(...(await readTopics({ ...reading, ranges: rest, readUncommitted: true })))
  for (const { topic, partition, to } of ranges) {
    const name = partitionName(topic, partition)
    const isComplete = !unread.some((left) => left.topic === topic && left.partition === partition)
    counts.get(name)?.finish(ends.get(name) ?? to, isComplete)
  }
}

async function reports(admin: Admin, readings: readonly Reading[]): Promise<TopicCutover[]> {
  const topics = readings.map(({ topic }) => topic)
  const groups = await groupsOf(admin, topics)
  const keeps = await retentions(admin, topics)
  return readings.map(({ topic, rule, isRuleKnown, writers, partitions: counted }) => {
    const partitions = [...counted.values()].map((each) => each.report())
    const decrypting = decryptOf(rule) && rule
    const facts: TopicFacts = {
      accepts: isRuleKnown ? acceptedBy(partitions) : 'unknown',
      hasRule: decrypting !== undefined,
      partitions,
      groups: groups.get(topic) ?? [],
      keepsMs: keeps.get(topic) ?? null,
    }
    const { accepts, keepsMs } = facts
    const ended = new Set(
      partitions.filter(({ until, end }) => hasEnded(until, end)).map(({ partition }) => partition),
    )
    const isEnded = (partition: number): boolean => ended.has(partition)
    return {
      ...{ topic, rule: decrypting?.name ?? decrypting?.match[0] ?? null, accepts, partitions },
      ...{ writers: writers.list(isEnded), otherWriters: writers.others },
      ...{ groups: facts.groups, keepsMs, phases: phasesOf(facts), wayBack: wayBack(facts) },
    }
  })
}
