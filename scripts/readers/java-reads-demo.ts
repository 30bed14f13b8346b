import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka } from 'kafkajs'
import { LEFT, type Left } from '../../demo/handoff.js'
import { java } from './commands.js'

/*
 * Runs the demo, leaves its orders on the broker, and has the Java reader open them: every record must come back, with
 * the key and the value that were sent. Needs a broker in KAFKA_BROKERS and the Java reader, built.
 */

/** A line of the Java reader's command. */
interface Opened {
  readonly topic: string
  readonly offset: number
  readonly key: string | null
  readonly value?: string | null
  readonly error?: string
}

const SHOWN = 10

async function runDemo(folder: string): Promise<void> {
  const demo = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', '--keep', folder], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(demo, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`the demo exited with ${String(code)}`)
}

async function openInJava(brokers: string, keyring: string, topics: readonly string[]): Promise<Opened[]> {
  const stdout = await java('topics', '--brokers', brokers, '--keyring', keyring, ...topics)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Opened)
}

/** Sorted, one line a record: keys repeat, so records are compared as a bag. */
function bag(records: readonly { topic: string; key: string | null; value?: string | null }[]): string[] {
  return records.map(({ topic, key, value }) => JSON.stringify([topic, key, value])).sort()
}

function differences(expected: readonly string[], came: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const record of expected) counts.set(record, (counts.get(record) ?? 0) + 1)
  for (const record of came) counts.set(record, (counts.get(record) ?? 0) - 1)
  return [...counts].flatMap(([record, count]) =>
    count === 0 ? [] : [`${count > 0 ? 'did not come' : 'came unasked'}: ${record}`],
  )
}

const brokers = process.env['KAFKA_BROKERS'] ?? 'localhost:9092'
const folder = mkdtempSync(join(tmpdir(), 'kafka-envelope-left-'))
try {
  await runDemo(folder)
  const left = JSON.parse(readFileSync(join(folder, LEFT), 'utf8')) as Left
  const opened = await openInJava(brokers, join(folder, left.keyring), left.topics)
  const admin = new Kafka({ brokers: brokers.split(',') }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [...left.topics] })
  await admin.disconnect()
  const failed = opened.filter(({ error }) => error !== undefined)
  const wrong = [
    ...failed.map(({ topic, offset, error }) => `${topic}, offset ${String(offset)}: ${String(error)}`),
    ...differences(bag(left.records), bag(opened)),
  ]
  for (const line of wrong.slice(0, SHOWN)) console.error(line)
  const bytes = opened.filter(({ value }) => value !== null).length
  console.log(
    `Java opened ${String(opened.length)} records of the demo, ${String(bytes)} of them with a value: ` +
      `${String(wrong.length)} differences`,
  )
  if (wrong.length > 0 || opened.length === 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
