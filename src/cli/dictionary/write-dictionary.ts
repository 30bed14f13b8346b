import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { publishNew, writeWhole } from '../../whole-file.js'
import { sha256 } from '../../operate/sha256.js'

/**
 * Writes a dictionary as a whole.
 * @param replace whether a file that exists may be replaced
 * @returns the SHA-256 of the file that it replaced
 */
export async function writeDictionary(
  file: string,
  dictionary: Buffer,
  replace: boolean,
): Promise<string | undefined> {
  const old = replace ? await readFile(file).catch(unlessMissing) : undefined
  await writeWhole(file, {
    temporary: join(dirname(file), `.${basename(file)}.${globalThis.crypto.randomUUID()}.tmp`),
    // It has nothing secret, and each reader needs it.
    mode: 0o644,
    write: (handle) => handle.writeFile(dictionary),
    ...(replace ? {} : { publish: publishNew }),
  }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
    throw new Error(`${file} exists; --force replaces it`, { cause: error })
  })
  return old && sha256(old)
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
