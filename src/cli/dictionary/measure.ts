import { readFile } from 'node:fs/promises'
import { MAX_DICTIONARY_BYTES } from '../../config/defaults.js'
import { figure } from '../estimate/format-units.js'
import { explainSizes } from './explain.js'
import { readSamples } from './file-samples.js'
import { sha256 } from '../../operate/sha256.js'
import { compareSizes } from './sizes.js'

/** `kafka-envelope dictionary measure FILE`. */
export async function measure(file: string, options: { readonly samples: readonly string[] }): Promise<void> {
  const dictionary = await readFile(file)
  if (dictionary.length === 0 || dictionary.length > MAX_DICTIONARY_BYTES) {
    throw new Error(
      `${file}: a dictionary has 1 to ${figure(MAX_DICTIONARY_BYTES)} bytes, and this file has ${figure(dictionary.length)}`,
    )
  }
  const values = (await readSamples(options.samples)).map(({ value }) => value)
  if (values.length === 0) throw new Error('the files contain no samples')
  process.stdout.write(`${file}: ${figure(dictionary.length)} bytes, SHA-256 ${await sha256(dictionary)}\n\n`)
  process.stdout.write(explainSizes(await compareSizes(values, dictionary), values.length))
}
