import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Produced, Sent } from './produce.js'
import { grouped, type Report } from './report.js'
import { within, type Stage } from './stage.js'
import { received, type ConsumerEnd, type FromConsumer, type Received } from './wire.js'

const CONSUME_MS = 30_000
const END_MS = 10_000
/** How long to wait for records that should not come, such as duplicates. */
const AFTER_MS = 500
const SHOWN = 10

/** Consumes in another process, compares the records received with those sent, and reports each difference. */
export async function consumeElsewhere(
  { kms, run, atEnd }: Stage,
  { sent, aborted }: Produced,
  report: Report,
): Promise<ConsumerEnd | undefined> {
  const expected = new Map(sent.map((record) => [record.headers.id, record]))
  const hidden = new Set(aborted.map(({ headers }) => headers.id))
  const differences: string[] = []
  const compared = { records: 0, bytes: 0 }
  let end: ConsumerEnd | undefined

  const child = fork(new URL('consume.ts', import.meta.url), [JSON.stringify(kms.place), run], {
    env: { ...process.env, ...kms.rights.consumer },
    execArgv: ['--import', import.meta.resolve('tsx')],
  })
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const stop = async (): Promise<void> => {
    // It leaves its group when its parent has ended.
    if (child.connected) child.disconnect()
    await within(END_MS, 'ending the consuming process', exit).catch(() => child.kill('SIGKILL'))
  }
  atEnd(stop)
  const all = new Promise<void>((resolve) => {
    child.on('message', (message: FromConsumer) => {
      if ('end' in message) end = message.end
      else if ('failed' in message) {
        differences.push(message.failed)
        resolve()
      } else {
        for (const record of message.records) {
          differences.push(...differencesOf(record, expected, hidden))
          compared.records++
          compared.bytes += bytesOf(record)
        }
        report.progress(compared.records, sent.length, `records opened in process ${String(child.pid)}`)
        if (expected.size === 0) resolve()
      }
    })
  })
  try {
    const early = exit.then(() => {
      throw new Error('the consuming process ended early')
    })
    await within(CONSUME_MS, 'consuming in another process', Promise.race([all, early]))
    await sleep(AFTER_MS)
    if (child.connected) child.send('end')
    const [code] = await within(END_MS, 'ending the consuming process', exit)
    if (code !== 0) differences.push(`the consuming process exited with ${String(code)}`)
  } catch (error) {
    differences.push(error instanceof Error ? error.message : String(error))
  } finally {
    await stop()
  }
  differences.push(...[...expected.keys()].map((id) => `record ${id} did not come`))
  report.say(
    `  ${grouped(compared.records)} records, ${grouped(compared.bytes)} bytes of values, keys and headers ` +
      `compared: ${String(differences.length)} differences`,
  )
  for (const difference of differences.slice(0, SHOWN)) report.expect(false, difference)
  if (differences.length > SHOWN)
    report.expect(false, `${String(differences.length - SHOWN)} more differences`)
  return end
}

function differencesOf(came: Received, expected: Map<string, Sent>, hidden: ReadonlySet<string>): string[] {
  const encoded = came.headers.find(([name]) => name === 'id')?.[1] ?? ''
  const id = Buffer.from(encoded, 'base64').toString()
  const record = expected.get(id)
  if (record === undefined) {
    const why = hidden.has(id) ? 'belongs to the aborted transaction' : 'came twice or was never sent'
    return [`record ${id} ${why}`]
  }
  expected.delete(id)
  const sent = received(record.topic, record)
  const parts = ['topic', 'key', 'value', 'headers'] as const
  return parts
    .filter((part) => JSON.stringify(came[part]) !== JSON.stringify(sent[part]))
    .map((part) => `the ${part} of record ${id} differs`)
}

function bytesOf({ key, value, headers }: Received): number {
  return [key, value, ...headers.map(([, header]) => header)]
    .map((part) => Buffer.byteLength(part ?? '', 'base64'))
    .reduce((sum, bytes) => sum + bytes, Buffer.byteLength(headers.map(([name]) => name).join('')))
}
