import { isEnvelopeError } from '../errors.js'

/**
 * Says on stderr what failed and makes the process exit with 1. What somebody can act on (an error of
 * ours, or of the file system) is one line; anything else is a bug and keeps its stack.
 */
export function reportFailure(error: unknown): void {
  process.exitCode = 1
  const expected = isEnvelopeError(error) || (error instanceof Error && 'syscall' in error)
  if (expected) process.stderr.write(`${error.message.replaceAll(/\s*[\r\n]+\s*/g, ' ')}\n`)
  else console.error(error)
}
