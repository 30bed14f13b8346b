import { TextDecoder } from 'node:util'
import { configError, EnvelopeError } from '../errors.js'
import { readAtMost, whyUnreadable } from '../config/bounded-file.js'
import { ROOT } from '../config/paths.js'

/** Thousands of rules need far less. */
const MAX_FILE_BYTES = 2 ** 18

/**
 * The text of a configuration file.
 * @throws EnvelopeError CONFIG_INVALID if it cannot be read, is larger than 256KiB, or is not text in UTF-8
 */
export async function readSource(file: string): Promise<string> {
  return decodeSource(file, await readSourceBytes(file))
}

/** At most one byte more than a configuration file may have. */
export function readSourceBytes(file: string): Promise<Buffer> {
  return readAtMost(file, MAX_FILE_BYTES).catch((error: unknown) => {
    throw unreadable(file, whyUnreadable(error), error)
  })
}

/** @throws EnvelopeError CONFIG_INVALID if it is larger than 256KiB, or is not text in UTF-8 */
export function decodeSource(file: string, bytes: Buffer): string {
  if (bytes.length > MAX_FILE_BYTES) throw refused(file, `expected at most ${String(MAX_FILE_BYTES)} bytes`)
  const text = decode(bytes)
  if (text === undefined) throw refused(file, 'expected text in UTF-8')
  if (text.includes('\0')) throw refused(file, 'expected text; it contains a NUL byte')
  return text
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function refused(file: string, message: string): Error {
  return configError([{ path: ROOT, message }], { subject: file })
}

/** The mistake of a file that cannot be read. Its path is the name of the file. */
function unreadable(file: string, message: string, cause: unknown): Error {
  const issues = [{ path: file, message }]
  return new EnvelopeError('CONFIG_INVALID', `${file}: ${message}`, { issues, cause })
}
