import type { FileHandle } from 'node:fs/promises'
import { EnvelopeError } from '../errors.js'
import {
  follows,
  MAX_LINE_BYTES,
  NOTHING_BEFORE,
  readLine,
  sha256,
  type AuditHead,
  type FoundLine,
  type LineHash,
} from './chain.js'

/** Bytes of a line that a process did not finish, because it or the machine ended. The next start names them. */
export interface Unfinished {
  readonly unfinishedBytes: number
  readonly unfinishedSha256: string
}

/** Where a file ends. */
export interface Tail {
  /** Its last line; undefined if it has none. */
  readonly head: AuditHead | undefined
  readonly unfinished: Unfinished | undefined
  /** Whether a line break must come before the next line. */
  readonly needsBreak: boolean
}

const LINE_BREAK = 0x0a

interface TailOptions {
  readonly path: string
  readonly hash: LineHash
  /** The line that the first line of the file follows; asked for if it has no line. */
  readonly before: () => Promise<AuditHead | undefined>
}

/**
 * Reads the end of a file.
 * @throws EnvelopeError AUDIT_LOG_UNUSABLE if its last line was changed, or hashed with another key
 */
export async function tailOf(handle: FileHandle, { path, hash, before }: TailOptions): Promise<Tail> {
  const end = await lastBytes(handle, 2 * MAX_LINE_BYTES)
  const { last, restAt } = lastLine(end.bytes, hash)
  if (last === undefined && !end.isWhole) throw unusable(path, 'has no line near its end')
  if (last?.isIntact === false)
    throw unusable(path, 'ends with a line that was changed, or hashed with another key')
  const head = last ?? (await before())
  const rest = end.bytes.subarray(restAt)
  if (rest.length === 0) return { head, unfinished: undefined, needsBreak: false }
  const needsBreak = rest.at(-1) !== LINE_BREAK
  // Only its line break may be missing.
  const whole = needsBreak ? readLine(rest, hash) : undefined
  if (whole !== undefined && isNext(whole, head)) return { head: whole, unfinished: undefined, needsBreak }
  const unfinished = needsBreak ? rest : rest.subarray(0, -1)
  return {
    head,
    needsBreak,
    unfinished: { unfinishedBytes: unfinished.length, unfinishedSha256: sha256(unfinished) },
  }
}

function isNext(line: FoundLine, before: AuditHead | undefined): boolean {
  if (!line.isIntact) return false
  return before === undefined ? line.seq === 0 && line.prev === NOTHING_BEFORE : follows(line, before)
}

async function lastBytes(
  handle: FileHandle,
  max: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const { size } = await handle.stat()
  const from = Math.max(0, size - max)
  const bytes = Buffer.alloc(size - from)
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
  return { bytes: bytes.subarray(0, bytesRead), isWhole: from === 0 }
}

/** The last line that has the form of one, and where the bytes after its line break begin. */
function lastLine(
  bytes: Buffer,
  hash: LineHash,
): { readonly last: FoundLine | undefined; readonly restAt: number } {
  let end = bytes.lastIndexOf(LINE_BREAK)
  while (end >= 0) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(LINE_BREAK, end - 1) + 1
    const last = readLine(bytes.subarray(start, end), hash)
    if (last !== undefined) return { last, restAt: end + 1 }
    end = start - 1
  }
  return { last: undefined, restAt: 0 }
}

export function unusable(path: string, what: string, cause?: unknown): EnvelopeError {
  return new EnvelopeError('AUDIT_LOG_UNUSABLE', `${path} ${what}`, cause === undefined ? {} : { cause })
}
