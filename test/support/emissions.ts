import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { inject } from 'vitest'

/** Part of every plaintext in tests; the after-all tests look for it in everything that was emitted. */
export const CANARY = 'canary-5e1f9d'

/** Lines that are already recorded: of many equal events, one is enough. */
const recorded = new Set<string>()

/** Records something that the library emitted: an event, a log line, an error with its stack and causes. */
export function emitted(kind: 'event' | 'log' | 'error', what: unknown): void {
  const text = inspect(what, { depth: 8, maxArrayLength: null, maxStringLength: null, showHidden: true })
  const entry = `${kind} ${text}\n`
  if (recorded.has(entry)) return
  recorded.add(entry)
  appendFileSync(join(inject('emissions'), `${String(process.pid)}.log`), entry)
}

/** Records a DEK that a test KMS returns, so that the after-all tests can look for it too. */
export function handedOut(dek: Uint8Array): void {
  appendFileSync(
    join(inject('emissions'), `${String(process.pid)}.keys`),
    `${Buffer.from(dek).toString('hex')}\n`,
  )
}

/** Returns and records the error that `run` rejects with or throws. */
export async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run()
  } catch (error) {
    emitted('error', error)
    return error
  }
  throw new Error('expected a failure, but it succeeded')
}
