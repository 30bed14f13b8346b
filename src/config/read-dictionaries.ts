import { resolve } from 'node:path'
import type { ConfigIssue } from '../errors.js'
import { readAtMost, whyUnreadable } from './bounded-file.js'
import type { CheckedPolicy } from './checked.js'
import { MAX_DICTIONARY_BYTES } from './defaults.js'
import { child } from './paths.js'

/** Dictionaries by name, and the mistakes in those that are not among them. */
export interface ReadDictionaries {
  readonly dictionaries: ReadonlyMap<string, Buffer>
  readonly issues: readonly ConfigIssue[]
}

/**
 * Reads the dictionaries that are files.
 * @param folder their paths are relative to it
 */
export async function readDictionaries(
  given: CheckedPolicy['dictionaries'],
  folder: string,
): Promise<ReadDictionaries> {
  const dictionaries = new Map<string, Buffer>()
  const issues: ConfigIssue[] = []
  for (const [name, dictionary] of Object.entries(given)) {
    const bytes = Buffer.isBuffer(dictionary) ? dictionary : await readFile(resolve(folder, dictionary.file))
    if (typeof bytes === 'string')
      issues.push({ path: `${child('dictionaries', name)}.file`, message: bytes })
    else dictionaries.set(name, bytes)
  }
  return { dictionaries, issues }
}

/** The dictionary in a file, or why there is none. */
async function readFile(file: string): Promise<Buffer | string> {
  try {
    const bytes = await readAtMost(file, MAX_DICTIONARY_BYTES)
    if (bytes.length >= 1 && bytes.length <= MAX_DICTIONARY_BYTES) return bytes
    return `expected a file of 1 to ${String(MAX_DICTIONARY_BYTES)} bytes, got ${bytes.length === 0 ? 'an empty one' : 'a larger one'}`
  } catch (error) {
    return whyUnreadable(error)
  }
}
