import { getContainerRuntimeClient } from 'testcontainers'
import { Unavailable } from './broker.js'

type Engine = Awaited<ReturnType<typeof getContainerRuntimeClient>>

const ENGINE_MS = 10_000
const NOT_FOUND = 404
const CONFLICT = 409

/** The engine itself has to answer: a `docker` program without one is common. */
export async function answeringEngine(): Promise<Engine> {
  const timeout = AbortSignal.timeout(ENGINE_MS)
  return unlessAborted(getContainerRuntimeClient(), timeout).catch(() => {
    throw new Unavailable('no Docker engine answers')
  })
}

/** A promise, or the signal's reason where that comes first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => {
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', fail, { once: true })
    if (signal.aborted) fail()
  })
  return Promise.race([promise, aborted])
}

/** Resolves when a container stops, with what there is to say about it. */
export async function whenStopped(id: string): Promise<string> {
  const engine = await getContainerRuntimeClient()
  await engine.container
    .getById(id)
    .wait()
    .catch(() => undefined)
  return 'its container stopped'
}

/** Removes a container with its data, running or not, and resolves once it is gone. */
export async function removeContainer(id: string): Promise<void> {
  const engine = await getContainerRuntimeClient()
  const container = engine.container.getById(id)
  await container.remove({ force: true, v: true }).catch(async (error: unknown) => {
    const status = statusOf(error)
    if (status === NOT_FOUND) return
    if (status !== CONFLICT) throw error
    // An earlier call is at it, and this process must not end before the engine has done it.
    await container.wait({ condition: 'removed' }).catch((waiting: unknown) => {
      if (statusOf(waiting) !== NOT_FOUND) throw waiting
    })
  })
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode
}
