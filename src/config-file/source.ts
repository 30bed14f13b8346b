import { open } from 'node:fs/promises'
import { TextDecoder } from 'node:util'
import { configError, EnvelopeError } from '../errors.js'
import { ROOT } from '../config/paths.js'

/** Thousands of rules need far less. */
const MAX_FILE_BYTES = 2 ** 18

/**
 * The text of a configuration file.
 * @throws EnvelopeError CONFIG_INVALID if it cannot be read, is larger than 256KiB, or is not text in UTF-8
 */
export async function readSource(file: string): Promise<string> {
  const bytes = await readBounded(file)
  if (bytes.length > MAX_FILE_BYTES) throw refused(file, `expected at most ${String(MAX_FILE_BYTES)} bytes`)
  const text = decode(bytes)
  if (text === undefined) throw refused(file, 'expected text in UTF-8')
  if (text.includes('\0')) throw refused(file, 'expected text; it contains a NUL byte')
  return text
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'file not found',
  ENOTDIR: 'file not found',
  EISDIR: 'is a folder',
  EACCES: 'permission denied',
}

/** Reads at most one byte more than the limit, whatever the file is. */
async function readBounded(file: string): Promise<Buffer> {
  try {
    const handle = await open(file)
    try {
      const chunks: Buffer[] = []
      for await (const chunk of handle.createReadStream({ end: MAX_FILE_BYTES })) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    } finally {
      await handle.close()
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw unreadable(file, WHY_UNREADABLE[code] ?? `cannot be read: ${code}`, error)
  }
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
