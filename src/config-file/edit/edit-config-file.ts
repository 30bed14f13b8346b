import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isEnvelopeError } from '../../errors.js'
import { writeWhole } from '../../whole-file.js'
import { checkConfigText, type ReadConfig } from '../read-file.js'
import { decodeSource, readSourceBytes } from '../source.js'
import type { Environment } from '../substitute.js'
import { applyEdits } from './apply-edits.js'
import type { Edit } from './edit.js'
import { NotEditable } from './splice.js'

export interface EditOptions {
  /** Variables for `${NAME}` in the file. Default `process.env`. */
  readonly env?: Environment
  /** Names of KMSs that code provides; of any name if the file describes none. Default none. */
  readonly inCode?: readonly string[]
}

/**
 * Changes a configuration file. The rest of its text stays as it is, and so do its mode and owner; a link is followed. The
 * file is checked before and after the change, and replaced as a whole.
 * @param change gets what the file says now
 * @returns whether the file was changed: not if it has all of that already
 * @throws EnvelopeError CONFIG_INVALID if the file has mistakes; Error if it would have some afterwards, if its text cannot
 * be changed as asked, if it was changed by somebody else meanwhile, or if it cannot be written
 */
export async function editConfigFile(
  file: string,
  change: (config: ReadConfig) => readonly Edit[],
  { env = process.env, inCode = [] }: EditOptions = {},
): Promise<boolean> {
  const bytes = await readSourceBytes(file)
  const source = decodeSource(file, bytes)
  const edits = change(await checkConfigText(file, source, env, { inCode }))
  const changed = Buffer.from(bomOf(bytes) + edited(file, source, edits))
  if (changed.equals(bytes)) return false
  await checkConfigText(file, decodeSource(file, changed), env, { inCode }).catch((error: unknown) => {
    if (!isEnvelopeError(error)) throw error
    throw new Error(`${file} is not changed, because the change would be a mistake: ${error.message}`, {
      cause: error,
    })
  })
  await replaceFile(file, bytes, changed)
  return true
}

function edited(file: string, source: string, edits: readonly Edit[]): string {
  try {
    return applyEdits(source, edits)
  } catch (error) {
    if (!(error instanceof NotEditable)) throw error
    throw new Error(`${file} is not changed: ${error.message}`, { cause: error })
  }
}

function bomOf(bytes: Buffer): string {
  return bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? '\uFEFF' : ''
}

async function replaceFile(file: string, before: Buffer, after: Buffer): Promise<void> {
  const target = await realpath(file)
  const { mode, uid, gid } = await stat(target)
  // One name for all, so that of two changes at the same time one is refused and not lost.
  const temporary = join(dirname(target), `.${basename(target)}.edit`)
  try {
    await writeWhole(target, {
      temporary,
      mode: 0o600,
      write: async (handle) => {
        const now = await readSourceBytes(file)
        if (!now.equals(before)) throw new NotEditable('somebody else has changed it meanwhile')
        await handle.writeFile(after)
        const own = await handle.stat()
        if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid)
        await handle.chmod(mode & 0o7777)
      },
    })
  } catch (error) {
    throw new Error(`${file} is not changed: ${whyNotWritten(error, temporary)}`, { cause: error })
  }
}

function whyNotWritten(error: unknown, temporary: string): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EEXIST') {
    return `another program is changing it; if there is none, one was killed: remove ${temporary}`
  }
  return message
}
