import { onAbort } from '../cancellation.js'
import { systemClock } from '../clock.js'

/** The exit code of a command that Ctrl-C ended, as shells have it. */
export const INTERRUPTED = 130

/** Enough to leave a consumer group that answers. */
const CLEAN_UP_MS = 1000
/** For a command that has something to keep, such as how far it is. */
export const KEEPING_MS = 10_000

/**
 * Runs a command that Ctrl-C, or SIGTERM, ends cleanly: the first one aborts the signal, a second one ends the process.
 * KafkaJS cannot be told to give up a request, so a command that does not end soon is not waited for.
 * @param run gets the signal, and what it calls when it begins to change something: it is waited for then in any case
 * @param hint what the user can do next, such as how to resume
 */
export async function interruptible(
  run: (signal: AbortSignal, beginChange: () => void) => Promise<void>,
  hint: () => string = () => 'interrupted',
  cleanUpMs = CLEAN_UP_MS,
): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const interrupt = (): void => {
    controller.abort(new Error('interrupted'))
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  let cancelTimer = (): void => undefined
  let isChanging = false
  const late = new Promise<never>((_, reject) => {
    onAbort(signal, () => {
      cancelTimer = systemClock.timeout(() => {
        if (!isChanging) reject(signal.reason as Error)
      }, cleanUpMs)
    })
  })
  const beginChange = (): void => {
    signal.throwIfAborted()
    isChanging = true
  }
  try {
    await Promise.race([run(signal, beginChange), late])
  } catch (error) {
    if (error !== signal.reason || !signal.aborted) throw error
    process.exitCode = INTERRUPTED
    process.stderr.write(`${hint()}\n`)
  } finally {
    cancelTimer()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}
