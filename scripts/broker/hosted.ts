import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { messageOf, Unavailable, type Broker, type Say } from './broker.js'
import type { Belongings, HostMessage } from './host.js'
import { killGroup } from './process.js'

const MAIN = fileURLToPath(new URL('host-main.ts', import.meta.url))
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const STOP_MS = 20_000

/** A broker in a process of its own that ends with this one, however this one ends (see `host.ts`). */
export async function hosted(kind: 'docker' | 'jvm', say: Say, signal: AbortSignal): Promise<Broker> {
  signal.throwIfAborted()
  const child = fork(MAIN, [kind], {
    detached: true,
    execArgv: ['--import', TSX],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit')
  const belongings: Belongings = {}
  // A host that ended well has left nothing; what a killed one owned is left to this process.
  const gone = exit
    .then(() => (child.exitCode === 0 ? undefined : reclaim(belongings)))
    // For instance the engine went away with its containers: no reason to fail what ran with the broker.
    .catch((error: unknown) => {
      say(`could not clean up after the broker: ${messageOf(error)}`)
    })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= end(child, gone))
  child.on('message', (message: HostMessage) => {
    if (message.type === 'say') say(message.line)
    if (message.type === 'owns') Object.assign(belongings, message.belongings)
    if (message.type === 'ended' && stopped === undefined)
      say(`the broker ended by itself:\n${message.reason}`)
  })

  const abort = (): void => void stop()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const broker = await Promise.race([answer(child), gone.then(() => ({ type: 'gone' as const }))])
    signal.throwIfAborted()
    if (broker.type === 'unavailable') throw new Unavailable(broker.reason)
    if (broker.type === 'failed') throw new Error(broker.reason)
    if (broker.type === 'gone') throw new Error('the process that starts the broker ended')
    // The broker shall not keep this process from its end, which is the broker's end too.
    child.unref()
    child.channel?.unref()
    return { brokers: broker.brokers, origin: broker.origin, stop }
  } catch (error) {
    await stop()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

type Answer = Extract<HostMessage, { type: 'ready' | 'unavailable' | 'failed' }>

function answer(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve) => {
    child.on('message', (message: HostMessage) => {
      if (message.type === 'ready' || message.type === 'unavailable' || message.type === 'failed')
        resolve(message)
    })
  })
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  child.ref()
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  if (child.connected) child.disconnect()
  await gone
  clearTimeout(late)
}

async function reclaim({ pid, folder, container }: Belongings): Promise<void> {
  if (pid !== undefined) killGroup(pid)
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  if (container !== undefined) await (await import('./engine.js')).removeContainer(container)
}
