import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { isNativeError } from 'node:util/types'
import { systemClock } from '../clock.js'
import { configError } from '../errors.js'
import { syncFolder, writeWhole } from '../whole-file.js'
import type { DekStore, StoredDek } from './dek-store.js'
import { asStoredDek } from './stored-dek.js'

/** Options of {@link fileDekStore}. */
export interface FileDekStoreOptions {
  /** Created with mode 0700 if it does not exist. A relative path is resolved now, against the working directory. */
  readonly folder: string
}

const POSIX: boolean = process.platform !== 'win32'
/** Write permission for the group or for others. */
const WRITABLE_BY_OTHERS = 0o022
const MAX_BYTES = 16_384
/** The names that `replace` gives its temporary files. */
const TEMPORARY = /^[0-9a-f]{32}\.dek\.json\.[0-9a-f]{16}\.tmp$/
/**
 * Writing a file takes milliseconds. If a live writer loses its file all the same, its save fails and is reported.
 */
const ABANDONED_MS = 60_000

/**
 * Keeps ciphertext DEKs in a folder: for each scope, one file of mode 0600 that is replaced as a whole. Read access
 * needs no more protection than the topics do; write access does. A folder or file is refused if anyone other than its
 * owner may write to it, or if it belongs to a user other than this one or root (not checked on Windows). Its parent
 * folders are not checked: make sure that others cannot write to them either.
 *
 * @throws EnvelopeError CONFIG_INVALID if `folder` is not a path
 */
export function fileDekStore(options: FileDekStoreOptions): DekStore {
  if (typeof options.folder !== 'string' || options.folder === '') {
    const issue = { path: 'folder', message: 'expected the path of a folder' }
    throw configError([issue], { subject: 'the options of fileDekStore()' })
  }
  const folder = resolve(options.folder)
  // Gives a name of bounded length and harmless characters for any name of a rule.
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
      await syncFolder(folder).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    },
  }
}

/** The content of a file. */
interface Content {
  readonly scope: string
  readonly dek: StoredDek
}

async function readOwn(folder: string, file: string): Promise<string | undefined> {
  try {
    refuseForeign(await stat(folder))
    const handle = await open(file, 'r')
    try {
      // Checks the open file: the path might name another file by now.
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
 * it follows no link. Nothing depends on it: a file that cannot be removed is left for the next time.
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

async function replace(file: string, text: string): Promise<void> {
  await writeWhole(file, {
    temporary: `${file}.${randomBytes(8).toString('hex')}.tmp`,
    mode: 0o600,
    write: (handle) => handle.writeFile(text),
  })
}
