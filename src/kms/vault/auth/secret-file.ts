import { readFile } from 'node:fs/promises'
import { raceAbort } from '../../../cancellation.js'
import { EnvelopeError } from '../../../errors.js'
import { isToken } from '../responses.js'

/**
 * The one token or secret that a file holds. It is read on each use, because an agent or the platform replaces it.
 *
 * @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE, or as `cancelled` says
 */
export async function readSecret(file: string, signal: AbortSignal): Promise<string> {
  const text = (await raceAbort(readFile(file, 'utf8').catch(unreadable), signal)).trim()
  if (isToken(text)) return text
  throw unavailable('does not hold exactly one token')
}

function unreadable(error: unknown): never {
  const { code } = error as { code?: unknown }
  throw unavailable(`cannot be read (${typeof code === 'string' ? code : 'unknown error'})`)
}

/** The path is left out: it is in the configuration, and might have been mistaken for the secret itself. */
function unavailable(why: string): EnvelopeError {
  return new EnvelopeError('KMS_CREDENTIALS_UNAVAILABLE', `the file in \`auth\` of vaultKms() ${why}`)
}
