import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { flat, type FromConsumer, type Received } from './consume.js'
import type { Sent } from './produce.js'

/** Consumes in another process, and says what differs from what was sent. */
export async function consumeElsewhere(
  keyring: string,
  run: string,
  sent: readonly Sent[],
  progress: (text: string) => void,
): Promise<{ differences: string[]; kmsCalls: number; busyMs: number }> {
  const expected = new Map(sent.map((record) => [record.headers.id, record]))
  const differences: string[] = []
  let count = 0
  let kmsCalls = 0
  let first = 0
  let last = 0
  const child = fork(new URL('consume.ts', import.meta.url), [keyring, run], {
    execArgv: ['--import', 'tsx'],
    serialization: 'advanced',
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  let complete = (): void => undefined
  const all = new Promise<void>((resolve) => {
    complete = resolve
  })
  child.on('message', (message: FromConsumer) => {
    if ('kmsCalls' in message) kmsCalls = message.kmsCalls
    else if ('failed' in message) {
      differences.push(message.failed)
      complete()
    } else {
      first ||= performance.now()
      last = performance.now()
      for (const record of message.records) differences.push(...differencesOf(record, expected))
      count += message.records.length
      progress(`opened ${count.toLocaleString('en')} records in process ${String(child.pid)}`)
      if (expected.size === 0) complete()
    }
  })
  const ended = await Promise.race([
    all.then(() => 'all'),
    exit.then(() => 'exit'),
    sleep(40_000, 'time', { ref: false }),
  ])
  if (ended !== 'all') differences.push(`the consuming process ended early (${ended})`)
  // A moment for what should not come: records of the aborted transaction, or records twice.
  await sleep(500)
  if (child.connected) child.send('end')
  const [code] = await Promise.race([exit, sleep(10_000, [null] as [number | null], { ref: false })])
  if (code !== 0) {
    differences.push(`the consuming process exited with ${String(code)}`)
    child.kill('SIGKILL')
  }
  for (const id of expected.keys()) differences.push(`record ${id} did not come`)
  return { differences, kmsCalls, busyMs: last - first }
}

function differencesOf(record: Received, expected: Map<string, Sent>): string[] {
  const idBase64 = record.headers.find(([name]) => name === 'id')?.[1] ?? ''
  const id = Buffer.from(idBase64, 'base64').toString()
  const sent = expected.get(id)
  if (sent === undefined) return [`record ${id} came twice or was never sent`]
  expected.delete(id)
  const bytes = (text: string | null): string | null =>
    text === null ? null : Buffer.from(text).toString('base64')
  const same = {
    topic: record.topic === sent.topic,
    key: record.key === bytes(sent.key),
    value: record.value === bytes(sent.value),
    headers: JSON.stringify([...record.headers].sort()) === JSON.stringify(flat(sent.headers).sort()),
  }
  return Object.entries(same).flatMap(([part, equal]) =>
    equal ? [] : [`the ${part} of record ${id} differs`],
  )
}
