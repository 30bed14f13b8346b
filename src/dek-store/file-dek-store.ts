import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isNativeError } from 'node:util/types'
import { systemClock } from '../clock.js'
import { configError } from '../errors.js'
import type { DekStore, StoredDek } from './dek-store.js'
import { asStoredDek } from './stored-dek.js'

/** Options of {@link fileDekStore}. */
export interface FileDekStoreOptions {
  /** Made with mode 0700 where it is missing; a relative path counts from the working directory at this moment. */
  readonly folder: string
}

const POSIX: boolean = process.platform !== 'win32'
/** The right of the group or of others to write. */
const WRITABLE_BY_OTHERS = 0o022
const MAX_BYTES = 16_384
/** As `replace` names its temporary files. */
const TEMPORARY = /^[0-9a-f]{32}\.dek\.json\.[0-9a-f]{16}\.tmp$/
/**
 * Writing one takes milliseconds. Should a living writer lose its file all the same, its save fails and is reported.
 */
const ABANDONED_MS = 60_000

/**
 * Keeps ciphertext DEKs in a folder, a file of mode 0600 for each scope, replaced as a whole. Reading a file needs no
 * protection beyond that of the topics; writing does. A folder or file is refused if others than its owner may write to
 * it, or if it belongs to a user other than this one or root (not checked on Windows). Its parent folders are not
 * checked: make sure that others cannot write to them either.
 *
 * @throws EnvelopeError CONFIG_INVALID if `folder` is not a path
 */
export function fileDekStore(options: FileDekStoreOptions): DekStore {
  if (typeof options.folder !== 'string' || options.folder === '') {
    const issue = { path: 'folder', message: 'expected the path of a folder' }
    throw configError([issue], { subject: 'the options of fileDekStore()' })
  }
  const folder = resolve(options.folder)
  // A name of bounded length and harmless characters, whatever the rule is called.
  const fileOf = (scope: string): string =>
    join(folder, `${createHash('sha256').update(scope).digest('hex').slice(0, 32)}.dek.json`)

  let isSwept = false
  return {
    async load(scope) {
      if (!isSwept) await sweep(folder)
      isSwept = true
      const file = fileOf(scope)
      const text = await readOwn(folder, file)
      if (text === undefined) return undefined
      const { scope: found, dek } = JSON.parse(text) as { scope?: unknown; dek?: unknown }
      if (found !== scope) throw new Error('the file belongs to another scope')
      const stored = asStoredDek(dek)
      if (stored === undefined) throw new Error('the file has no ciphertext DEK')
      return stored
    },
    async save(scope, dek) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      refuseForeign(await stat(folder))
      await sweep(folder)
      await replace(fileOf(scope), `${JSON.stringify({ scope, dek } satisfies Content)}\n`)
    },
    async remove(scope) {
      await rm(fileOf(scope), { force: true })
      await syncFolder(folder)
    },
  }
}

/** A file's content. */
interface Content {
  readonly scope: string
  readonly dek: StoredDek
}

async function readOwn(folder: string, file: string): Promise<string | undefined> {
  try {
    refuseForeign(await stat(folder))
    const handle = await open(file, 'r')
    try {
      // Of the opened file: one that is looked up by path again may be another by then.
      const stats = await handle.stat()
      refuseForeign(stats)
      if (!stats.isFile()) throw new Error('not a regular file')
      const bytes = Buffer.alloc(MAX_BYTES + 1)
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0)
      if (bytesRead > MAX_BYTES) throw new Error('the file is too large')
      return bytes.toString('utf8', 0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function refuseForeign({ mode, uid }: Stats): void {
  if (!POSIX) return
  if ((mode & WRITABLE_BY_OTHERS) !== 0) throw new Error('other users have write access')
  if (uid !== 0 && uid !== process.geteuid?.()) throw new Error('another user owns it')
}

function isMissing(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && error.code === 'ENOENT'
}

/**
 * Removes temporary files of processes that ended while they saved. It looks at names and at the entries themselves, so
 * it follows no link; and it is a courtesy: whatever fails here is left for the next time.
 */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => [])
  for (const name of names.filter((one) => TEMPORARY.test(one))) {
    const file = join(folder, name)
    try {
      const stats = await lstat(file)
      if (stats.isFile() && systemClock.wallMs() - stats.mtimeMs >= ABANDONED_MS)
        await rm(file, { force: true })
    } catch {
      // Another process may have removed it.
    }
  }
}

/** Readers see the old file or the new one, whole. */
async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
    await syncFolder(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** So that what was renamed or removed is so after a power failure too. */
async function syncFolder(folder: string): Promise<void> {
  if (!POSIX) return
  try {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
