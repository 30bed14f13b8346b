/** The exit code of a command that Ctrl-C ended, as shells have it. */
export const INTERRUPTED = 130

/**
 * Runs a command that Ctrl-C, or SIGTERM, ends cleanly: the first one aborts the signal, a second one ends the process.
 * @param hint what the user can do next, such as how to resume
 */
export async function interruptible(
  run: (signal: AbortSignal) => Promise<void>,
  hint: () => string = () => 'interrupted',
): Promise<void> {
  const controller = new AbortController()
  const interrupt = (): void => {
    controller.abort(new Error('interrupted'))
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    await run(controller.signal)
  } catch (error) {
    if (error !== controller.signal.reason || !controller.signal.aborted) throw error
    process.exitCode = INTERRUPTED
    process.stderr.write(`${hint()}\n`)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}
