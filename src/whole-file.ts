import { link, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Windows cannot sync a folder. */
const POSIX: boolean = process.platform !== 'win32'

/** Moves a finished file to its place. */
export type Publish = (temporary: string, file: string) => Promise<void>

export interface WholeFile {
  /** A path in the folder of the file that nothing else uses. */
  readonly temporary: string
  readonly mode: number
  readonly write: (handle: FileHandle) => Promise<void>
  /** By default `rename`, which replaces a file that exists, or a link itself and not the file behind it. */
  readonly publish?: Publish
}

/** Writes a file: readers see the whole old one or the whole new one, even if this process or the machine stops. */
export async function writeWhole(
  file: string,
  { temporary, mode, write, publish = rename }: WholeFile,
): Promise<void> {
  // Fails if the file exists. It is another one's then, and stays.
  const handle = await open(temporary, 'wx', mode)
  try {
    try {
      await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await publish(temporary, file)
    await syncFolder(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Never replaces an existing file, unlike `rename`: fails with EEXIST. */
export const publishNew: Publish = async (temporary, file) => {
  await link(temporary, file)
  await rm(temporary)
}

/** Makes a renaming or removal survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  if (!POSIX) return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
