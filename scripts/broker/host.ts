/**
 * A process of its own that owns the broker, started by `hosted.ts`. It lives as long as the channel to its
 * parent is open, and then ends the broker and removes its files: so these go whatever became of the parent,
 * a SIGKILL included. It is in a session of its own, where a Ctrl-C meant for the parent does not reach it.
 */
import { once } from 'node:events'
import { messageOf, Unavailable, type Say } from './broker.js'

/** What the parent can still clean up if this process itself is killed. */
export interface Belongings {
  pid?: number
  folder?: string
  container?: string
}

export type HostMessage =
  | { type: 'say'; line: string }
  | { type: 'owns'; belongings: Belongings }
  | { type: 'unavailable'; reason: string }
  | { type: 'failed'; reason: string }
  | { type: 'ready'; brokers: string[]; origin: string }
  | { type: 'ended'; reason: string }

/** What a kind of broker gets to start with. */
export interface Hosting {
  readonly say: Say
  owns(belongings: Belongings): void
  /** Aborted when the broker is not wanted any more. */
  readonly signal: AbortSignal
}

/** A broker that runs. */
export interface Running {
  readonly brokers: string[]
  readonly origin: string
  /** Resolves if the broker ends by itself, with what it said last. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/** Starts the broker; after a rejection nothing of it is left. */
export type Start = (hosting: Hosting) => Promise<Running>

/** Resolves when the parent has it, or is gone: then this process is about to end anyway. */
function send(message: HostMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) resolve()
    else
      process.send(message, () => {
        resolve()
      })
  })
}

export async function host(start: Start): Promise<void> {
  const unwanted = new AbortController()
  const { signal } = unwanted
  const close = (): void => {
    unwanted.abort()
  }
  process.on('disconnect', close)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, close)
  // For instance an 'error' event without a listener inside of a library: still clean up.
  process.on('uncaughtException', (error) => {
    void send({ type: 'failed', reason: messageOf(error) })
    close()
  })
  if (!process.connected) return

  try {
    const running = await start({
      say: (line) => {
        void send({ type: 'say', line })
      },
      owns: (belongings) => {
        void send({ type: 'owns', belongings })
      },
      signal,
    })
    await send({ type: 'ready', brokers: running.brokers, origin: running.origin })
    const reason = signal.aborted ? undefined : await Promise.race([once(signal, 'abort'), running.ended])
    if (typeof reason === 'string') await send({ type: 'ended', reason })
    await running.stop()
  } catch (error) {
    // Tells the parent to look after what may be left.
    process.exitCode = 1
    const type = error instanceof Unavailable ? 'unavailable' : 'failed'
    await send({ type, reason: messageOf(error) })
  }
}
