import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const running = new Set<ChildProcess>()
let isInterrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    isInterrupted = true
    for (const child of running) child.kill(signal)
  })
}

/**
 * Does a job for each item, for as many at the same time as this machine has cores. A signal that ends this process
 * ends the commands of the jobs first, and no further job starts.
 * @returns whether all jobs returned true
 */
export async function sideBySide<Item>(
  items: readonly Item[],
  job: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  // One iterator for all, so that each takes what comes next.
  const queue = items.values()
  const results: boolean[] = []
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (const item of queue) results.push(!isInterrupted && (await job(item)))
    }),
  )
  return results.every(Boolean)
}

/**
 * Runs a command of a job, and appends its output to a file: jobs that run at the same time must not mix theirs, and
 * through a pipe, a burst at the end of a process that crashes would be lost.
 * @returns whether it succeeded
 */
export async function succeeds(
  [program = '', ...args]: readonly string[],
  logFile: string,
  options: SpawnOptions = {},
): Promise<boolean> {
  if (isInterrupted) return false
  const log = openSync(logFile, 'a')
  const child = spawn(program, args, { ...options, stdio: ['ignore', log, log] })
  running.add(child)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0
  } finally {
    running.delete(child)
    closeSync(log)
  }
}
