import { randomBytes } from 'node:crypto'
import { lstat, open, readdir, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { isNativeError } from 'node:util/types'

import { EnvelopeError } from '../../errors.js'
import { publishNew, writeWhole, type Publish } from '../../whole-file.js'
import { MAX_KEYRING_BYTES, parseKeyring, serialiseKeyring, type Keyring } from './keyring.js'
import { isExposed } from './exposed.js'
import type { LocalCmk } from './local-cmk.js'

const PRIVATE = 0o600
/** Windows has no file modes or owners of this kind. */
const POSIX: boolean = process.platform !== 'win32'

/** Reads the keyring as it is now. */
export async function readKeyring(file: string): Promise<Keyring> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw fileError(error, file, 'read')
  })
  let bytes: Buffer | undefined
  try {
    // Checks the open file: the path might name another file by now.
    const stats = await handle.stat()
    const { mode, size, uid } = stats
    if (!stats.isFile()) throw new EnvelopeError('KEYRING_INVALID', `${file} is not a file`)
    if (POSIX && isExposed(stats)) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      const owner = uid === process.geteuid?.() ? '' : `, owned by user ${String(uid)}`
      throw new EnvelopeError(
        'KEYRING_EXPOSED',
        `users other than its owner have access to ${file} (mode ${octal}${owner})`,
      )
    }
    if (size > MAX_KEYRING_BYTES) throw new EnvelopeError('KEYRING_INVALID', `${file} is too large`)
    bytes = Buffer.alloc(size)
    // The bytes are wiped below; the text and the strings parsed from it cannot be.
    return parseKeyring(bytes.toString('utf8', 0, await fill(bytes, handle)), file)
  } catch (error) {
    throw fileError(error, file, 'read')
  } finally {
    bytes?.fill(0)
    await handle.close()
  }
}

/** Replaces the keyring with the result of `change`, or leaves it unchanged if `change` throws. */
export async function changeKeyring(
  file: string,
  change: (cmks: Map<string, LocalCmk>) => void,
): Promise<void> {
  // The lock is next to the file itself, so that two symbolic links to the file share one lock, and survive the
  // renaming.
  const target = await realpath(file).catch((error: unknown) => {
    throw fileError(error, file, 'read')
  })
  await locked(target, async () => {
    await sweep(target)
    const cmks = new Map(await readKeyring(target))
    change(cmks)
    await write(target, cmks, rename, await stat(target))
  })
}

/** Writes a keyring to a path that does not exist yet, else `KEYRING_EXISTS`. */
export async function writeNewKeyring(file: string, cmks: Keyring): Promise<void> {
  const path = resolve(file)
  await locked(path, () => write(path, cmks, publishNew))
}

async function locked(file: string, work: () => Promise<void>): Promise<void> {
  const lock = `${file}.lock`
  try {
    await (await open(lock, 'wx', PRIVATE)).close()
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new EnvelopeError('KEYRING_BUSY', `${lock} exists`)
    throw fileError(error, file, 'write')
  }
  try {
    await work()
  } catch (error) {
    throw fileError(error, file, 'write')
  } finally {
    await rm(lock, { force: true })
  }
}

/**
 * Removes the temporary files, with CMKs in them, of processes that ended while they wrote this keyring. The holder of
 * the lock is the only writer, so none of these files is in use. Links are left alone.
 */
async function sweep(file: string): Promise<void> {
  const [folder, prefix] = [dirname(file), `.${basename(file)}.`]
  const isTemporary = (name: string): boolean =>
    name.startsWith(prefix) && /^[0-9a-f]{16}\.tmp$/.test(name.slice(prefix.length))
  for (const name of (await readdir(folder)).filter(isTemporary)) {
    const temporary = join(folder, name)
    if ((await lstat(temporary)).isFile()) await rm(temporary, { force: true })
  }
}

async function write(
  file: string,
  cmks: Keyring,
  publish: Publish,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  await writeWhole(file, {
    temporary: join(dirname(file), `.${basename(file)}.${randomBytes(8).toString('hex')}.tmp`),
    mode: PRIVATE,
    publish,
    async write(handle) {
      // If root rotates another user's keyring, that user keeps it.
      if (owner !== undefined && POSIX && owner.uid !== process.geteuid?.()) {
        await handle.chown(owner.uid, owner.gid)
      }
      await writeText(handle, serialiseKeyring(cmks, file))
    },
  })
}

async function writeText(handle: FileHandle, text: string): Promise<void> {
  const bytes = Buffer.alloc(Buffer.byteLength(text))
  try {
    bytes.write(text)
    await handle.writeFile(bytes)
  } finally {
    bytes.fill(0)
  }
}

/** Fills `bytes` from the start of the file. Returns how many were read. */
async function fill(bytes: Buffer, handle: FileHandle): Promise<number> {
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

/** Turns an error of the file system into ours. Its cause names a path and a system call, but no content. */
function fileError(error: unknown, file: string, doing: 'read' | 'write'): unknown {
  switch (codeOf(error)) {
    case undefined:
      return error
    case 'ENOENT':
    case 'ENOTDIR': {
      const missing = doing === 'read' ? file : `folder ${dirname(file)}`
      return new EnvelopeError('KEYRING_NOT_FOUND', `${missing} does not exist`, { cause: error })
    }
    case 'EEXIST':
      return new EnvelopeError('KEYRING_EXISTS', `${file} exists`)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EnvelopeError('KMS_DENIED', `this process has no permission to ${doing} ${file}`, {
        cause: error,
      })
    default:
      return new EnvelopeError('KMS_UNAVAILABLE', `cannot ${doing} ${file}`, { cause: error })
  }
}

/** The system's error code, if the file system threw `error`. */
function codeOf(error: unknown): string | undefined {
  if (!isNativeError(error) || !('syscall' in error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
