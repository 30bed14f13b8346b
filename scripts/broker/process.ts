import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'

/**
 * Kills a process that was started `detached`, with all that it started in turn (`mvn` and `java` may be
 * scripts around the real program). SIGKILL at once: what it works on is thrown away with it.
 */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Gone already; macOS says EPERM where only a zombie is left.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}

/** Starts a program in a process group of its own; rejects where it cannot be started. */
export async function startGroup(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(command, args, { ...options, detached: true })
  await once(child, 'spawn')
  return child as ChildProcess & { readonly pid: number }
}

/** Runs a program to its end and gives its exit code and all of its output; kills it upon the signal. */
export async function run(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  signal.throwIfAborted()
  const child = await startGroup(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const kill = (): void => {
    killGroup(child.pid)
  }
  signal.addEventListener('abort', kill)
  if (signal.aborted) kill()
  const [code] = (await once(child, 'close')) as [number | null]
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  return { code, output }
}

export function lastLines(text: string, count = 12): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
