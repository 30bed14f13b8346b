import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Kafka } from 'kafkajs'
import { startKms, type DemoKms, type KmsChoice } from './kms.js'
import type { Report } from './report.js'
import { demoKafka, orderTopics, topicsOf, type DemoTopics } from './setup.js'

/** The resources of a run of the demo. */
export interface Stage {
  /** Part of the name of everything that the run creates on the cluster. */
  readonly run: string
  readonly topics: DemoTopics
  readonly kms: DemoKms
  readonly kafka: Kafka
  readonly admin: Admin
  /** Aborted if the run must end early. */
  readonly signal: AbortSignal
  /** Adds a function that ends a part of the run. It is called when the run is over, whether it succeeded or failed. */
  readonly atEnd: (end: () => Promise<void>) => void
}

const PARTITIONS = 3
const CLEANUP_MS = 15_000

/** The settings of a run of the demo. */
export interface StageOptions {
  readonly run: string
  readonly signal: AbortSignal
  readonly report: Report
  readonly kms: KmsChoice
  /** The folder for the keyring. If set, the keyring and the topics stay, for others to read. */
  readonly keep: string | undefined
}

/** Creates topics and a keyring, runs `work` with them, and always removes them afterwards, unless they are to stay. */
export async function onStage(
  { run, signal, report, kms: choice, keep }: StageOptions,
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  const topics = topicsOf(run)
  if (keep !== undefined) await mkdir(keep, { recursive: true })
  const folder = keep ?? (await mkdtemp(join(tmpdir(), 'kafka-envelope-demo-')))
  const kafka = demoKafka()
  const admin = kafka.admin()
  const ends: (() => Promise<void>)[] = []
  let over = false
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error)
    })
  })
  const atEnd = (end: () => Promise<void>): void => {
    ends.push(end)
    if (!over) return
    void end()
    throw new Error('the run is over')
  }
  const play = async (): Promise<void> => {
    const kms = await startKms(choice, folder, report)
    atEnd(kms.close)
    await admin.connect()
    signal.throwIfAborted()
    const several = orderTopics(topics)
    await admin.createTopics({
      waitForLeaders: true,
      topics: (Object.values(topics) as string[]).map((topic) => ({
        topic,
        numPartitions: several.includes(topic) ? PARTITIONS : 1,
      })),
    })
    await work({ run, topics, kms, kafka, admin, signal, atEnd })
  }
  try {
    await Promise.race([play(), aborted])
  } finally {
    over = true
    await Promise.all(ends.map((end) => end()))
    if (keep === undefined) await rm(folder, { recursive: true, force: true })
    const late = sleep(CLEANUP_MS, undefined, { ref: false }).then(() => {
      throw new Error('the cluster did not answer in time')
    })
    const cleaned = keep === undefined ? clean(admin, run) : admin.disconnect()
    await Promise.race([cleaned, late]).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      console.error(`  Topics of this run may be left, named demo.*.${run}: ${reason}`)
    })
  }
}

async function clean(admin: Admin, run: string): Promise<void> {
  const ours = (name: string): boolean => name.startsWith('demo.') && name.endsWith(`.${run}`)
  try {
    const topics = (await admin.listTopics()).filter(ours)
    if (topics.length > 0) await admin.deleteTopics({ topics })
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(ours)
    // A group whose members are still leaving cannot be deleted; it expires without its topics.
    await admin.deleteGroups(groups).catch(() => undefined)
  } finally {
    await admin.disconnect()
  }
}

/** Waits for a promise, or throws an error that names what did not finish in time. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const clock = new AbortController()
  const late = sleep(ms, undefined, { signal: clock.signal }).then(() => {
    throw new Error(`${what}: not done after ${String(ms / 1000)} s`)
  })
  return Promise.race([promise, late]).finally(() => {
    late.catch(() => undefined)
    clock.abort()
  })
}
