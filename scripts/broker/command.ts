import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** The signals that end a run; each is passed on to the command. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The exit code by which a shell reports a process that a signal ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal]
}

/**
 * Runs a command on this process's standard streams and gives its exit code, as a shell would. Signals that
 * `listen` reports go on to the command.
 */
export function runCommand(
  [command = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  listen: (pass: (signal: NodeJS.Signals) => void) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env })
    child.once('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`${command}: ${error.message}\n`)
      resolve(error.code === 'ENOENT' ? 127 : 126)
    })
    child.once('exit', (code, signal) => {
      resolve(signal === null ? (code ?? 1) : exitCodeOf(signal))
    })
    listen((signal) => child.kill(signal))
  })
}
