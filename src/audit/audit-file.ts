import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, realpath, rename, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { syncFolder } from '../whole-file.js'
import type { AuditHead, LineHash } from './chain.js'
import { tailOf, unusable, type Tail } from './file-tail.js'
import { codeOf } from './system-code.js'

const POSIX: boolean = process.platform !== 'win32'
/** Write permission for the group or for others. */
const WRITABLE_BY_OTHERS = 0o022

/**
 * Why the next lines go to a new file. `size`: this one is full. `changed`, `missing`: someone else wrote to it,
 * shortened, replaced, moved or deleted it.
 */
export type NextFile = 'size' | 'changed' | 'missing'

/** The file that lines are appended to. Only the process that holds its lock uses it. */
export class AuditFile {
  readonly #path: string
  readonly #maxBytes: number
  #handle: FileHandle
  #identity: Pick<BigIntStats, 'dev' | 'ino'>
  /** How many bytes of it are known to be written. */
  #size: number
  #needsBreak: boolean
  /** Whether an attempt to write failed, so that the file may have more bytes than `#size`. */
  #isDirty = false

  private constructor(
    path: string,
    maxBytes: number,
    { handle, stats, needsBreak }: { handle: FileHandle; stats: BigIntStats; needsBreak: boolean },
  ) {
    this.#path = path
    this.#maxBytes = maxBytes
    this.#handle = handle
    this.#identity = stats
    this.#size = Number(stats.size)
    this.#needsBreak = needsBreak
  }

  /**
   * Opens a file to go on with it, or creates it.
   * @throws EnvelopeError AUDIT_LOG_UNUSABLE
   */
  static async open(
    path: string,
    { hash, maxBytes }: { readonly hash: LineHash; readonly maxBytes: number },
  ): Promise<{ readonly file: AuditFile; readonly tail: Tail }> {
    const handle = await open(path, 'a+', 0o600)
    try {
      const stats = await handle.stat({ bigint: true })
      if (!stats.isFile()) throw unusable(path, 'is not a regular file')
      if (POSIX && (Number(stats.mode) & WRITABLE_BY_OTHERS) !== 0)
        throw unusable(path, 'is writable by other users')
      // So that a file that was just created is still there after a power failure.
      await syncFolder(dirname(path))
      const tail = await tailOf(handle, { path, hash, before: () => headBefore(path, hash) })
      return { file: new AuditFile(path, maxBytes, { handle, stats, ...tail }), tail }
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Whether the next lines must go to a new file. */
  async needsNext(): Promise<NextFile | undefined> {
    let found: BigIntStats
    try {
      found = await stat(this.#path, { bigint: true })
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'missing'
      throw error
    }
    const { dev, ino } = this.#identity
    const isSame = found.dev === dev && found.ino === ino
    const size = Number(found.size)
    if (!isSame || size < this.#size || (size > this.#size && !this.#isDirty)) return 'changed'
    return this.#size >= this.#maxBytes ? 'size' : undefined
  }

  /** Goes on in a new file. The present one keeps its name, with the number of its last line added. */
  async next(why: NextFile, lastSeq: number): Promise<void> {
    if (why === 'size') await this.#clean()
    if (why !== 'missing') {
      const full = `${this.#path}.${String(lastSeq).padStart(SEQ_DIGITS, '0')}`
      if (await exists(full)) throw Object.assign(new Error(`${full} exists`), { code: 'EEXIST' })
      await rename(this.#path, full)
    }
    const handle = await open(this.#path, 'ax+', 0o600)
    await this.#handle.close()
    this.#handle = handle
    this.#identity = await handle.stat({ bigint: true })
    this.#size = 0
    this.#needsBreak = false
    this.#isDirty = false
    await syncFolder(dirname(this.#path))
  }

  /** Appends lines. Once it resolves, they are on the disk. After it has rejected, it may be called with others. */
  async append(lines: string): Promise<void> {
    const bytes = Buffer.from(this.#needsBreak ? `\n${lines}` : lines)
    await this.#clean()
    this.#isDirty = true
    await this.#handle.appendFile(bytes)
    await this.#handle.datasync()
    this.#isDirty = false
    this.#needsBreak = false
    this.#size += bytes.length
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Removes what an attempt that failed may have left of lines that are written again. */
  async #clean(): Promise<void> {
    if (!this.#isDirty) return
    await this.#handle.truncate(this.#size)
    this.#isDirty = false
  }
}

/** Enough for names to sort as numbers do. */
const SEQ_DIGITS = 12

/** The path of a file without symbolic links, so that two names of it share one lock. */
export async function realPathOf(file: string): Promise<string> {
  try {
    return await realpath(file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return join(await realpath(dirname(resolve(file))), basename(file))
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** The last line of the file that comes before this one: a process may have ended between the two. */
async function headBefore(path: string, hash: LineHash): Promise<AuditHead | undefined> {
  const base = `${basename(path)}.`
  const full = (await readdir(dirname(path)))
    .filter((name) => name.startsWith(base) && /^\d{12,}$/.test(name.slice(base.length)))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .at(-1)
  if (full === undefined) return undefined
  const before = join(dirname(path), full)
  const handle = await open(before, 'r')
  try {
    const { head } = await tailOf(handle, { path: before, hash, before: () => Promise.resolve(undefined) })
    return head
  } finally {
    await handle.close()
  }
}
