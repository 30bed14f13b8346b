import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { inject } from 'vitest'

/** Stands in every plaintext that tests use; the aftermath looks for it in all that was emitted. */
export const CANARY = 'canary-5e1f9d'

/** What stands in the record already; of many events that are the same one tells all. */
const recorded = new Set<string>()

/** Records something that the library emitted: an event, a log line, an error with its stack and causes. */
export function emitted(kind: 'event' | 'log' | 'error', what: unknown): void {
  const text = inspect(what, { depth: 8, maxArrayLength: null, maxStringLength: null, showHidden: true })
  const entry = `${kind} ${text}\n`
  if (recorded.has(entry)) return
  recorded.add(entry)
  appendFileSync(join(inject('emissions'), `${String(process.pid)}.log`), entry)
}

/** Records a DEK as test KMSs hand it out, so that the aftermath can look for it too. */
export function handedOut(dek: Uint8Array): void {
  appendFileSync(
    join(inject('emissions'), `${String(process.pid)}.keys`),
    `${Buffer.from(dek).toString('hex')}\n`,
  )
}

/** What `run` rejects or throws with, recorded. */
export async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run()
  } catch (error) {
    emitted('error', error)
    return error
  }
  throw new Error('expected a failure, but it succeeded')
}
