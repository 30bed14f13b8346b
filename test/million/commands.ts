import { spawn } from 'node:child_process'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inject } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { folder, truth } = inject('million')
const BATCH_BYTES = 400_000

export interface Ended {
  /** Null if a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** The most memory that the process had, in MiB. Not if it was killed. */
  readonly maxRssMb: number | undefined
}

export interface Running {
  /** Resolves when a consumer of `slowBrokers` has its first records. */
  readonly reading: Promise<void>
  readonly ended: Promise<Ended>
  kill(signal: 'SIGINT' | 'SIGKILL'): void
}

let started = 0

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 120_000
  while (!(await isTrue().catch(() => false))) {
    if (Date.now() > end) throw new Error(`${what} did not come`)
    await sleep(50)
  }
}

/** Starts `kafka-envelope` with these arguments. */
export function start(args: readonly string[], nodeOptions: readonly string[] = []): Running {
  const memory = join(folder, `memory-${String(started++)}`)
  const first = `${memory}-reading`
  const program = spawn(process.execPath, [...nodeOptions, '--import', watcherOf(), inject('cli'), ...args], {
    cwd: ROOT,
    env: { ...process.env, MEMORY_FILE: memory, READING_FILE: first },
  })
  let [stdout, stderr] = ['', '']
  program.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = new Promise<Ended>((resolve) => {
    program.once('close', (code) => {
      readFile(memory, 'utf8')
        .catch(() => undefined)
        .then((text) => {
          const maxRssMb = text === undefined ? undefined : Number(text) / 1024
          resolve({ code, stdout, stderr, maxRssMb })
        }, resolve)
    })
  })
  const reading = Promise.race([until('the first record', () => access(first).then(() => true)), ended]).then(
    () => undefined,
  )
  return { reading, ended, kill: (signal) => void program.kill(signal) }
}

export function run(args: readonly string[], nodeOptions?: readonly string[]): Promise<Ended> {
  return start(args, nodeOptions).ended
}

/** The options that reach the broker. */
export const BROKERS = ['--brokers', process.env['KAFKA_BROKERS'] ?? '']

/** Lets a process say at its end how much memory it had. */
function watcherOf(): string {
  const source = `
    import { writeFileSync } from 'node:fs'
    process.on('exit', () => writeFileSync(process.env.MEMORY_FILE, String(process.resourceUsage().maxRSS)))`
  return `data:text/javascript,${encodeURIComponent(source)}`
}

/**
 * A module for `--kafka` whose consumers pause after each batch, so that there is a middle in which to kill a process.
 * @param seconds how long the pauses of one reader are, together
 * @returns the options
 */
export async function slowBrokers(seconds: number): Promise<string[]> {
  const file = join(folder, `slow-${String(seconds)}.mjs`)
  const bytes = truth.partitions.reduce((sum, partition) => sum + partition.bytes, 0)
  const pauseMs = (1000 * seconds * BATCH_BYTES) / bytes
  const kafkajs = pathToFileURL(join(ROOT, 'node_modules/kafkajs/index.js')).href
  await writeFile(
    file,
    `import { writeFileSync } from 'node:fs'
import kafkajs from '${kafkajs}'
const real = new kafkajs.Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: kafkajs.logLevel.NOTHING })
const consumer = (config) => {
  // What finds the ends of partitions.
  if (config.groupId.startsWith('kafka-envelope-ends-')) return real.consumer(config)
  const made = real.consumer({ ...config, maxBytesPerPartition: ${String(BATCH_BYTES)} })
  const run = ({ eachBatch, ...rest }) =>
    made.run({ ...rest, eachBatch: async (payload) => {
      writeFileSync(process.env.READING_FILE, '')
      await eachBatch(payload)
      await new Promise((resolve) => setTimeout(resolve, ${String(pauseMs)}))
    } })
  return { ...made, run }
}
export const kafka = { admin: () => real.admin(), consumer }
`,
  )
  return ['--kafka', file]
}
