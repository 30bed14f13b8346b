import { createHash } from 'node:crypto'
import type { CheckedEncryptRule } from '../config/checked.js'
import type { Engine } from '../crypto/engine.js'
import { compressionNamed, deflateWith, type Compression } from './compression.js'

/** The dictionaries of an owner: one of them compresses a rule's values, and all of them serve every reader. */
export class Dictionaries {
  readonly #byName = new Map<string, Compression>()
  readonly #byHash = new Map<string, Compression>()

  /** @param dictionaries by the names that the configuration gives them */
  constructor(dictionaries: Iterable<readonly [name: string, dictionary: Buffer]>, engine: Engine) {
    for (const [name, dictionary] of dictionaries) {
      const hash = createHash('sha256').update(dictionary).digest()
      const compression = deflateWith(engine.deflateWith(dictionary), hash)
      this.#byName.set(name, compression)
      this.#byHash.set(hash.toString('hex'), compression)
    }
  }

  /** The compression of a rule. The check of the configuration has accepted it. */
  compressionOf({ compression }: CheckedEncryptRule): Compression {
    return typeof compression === 'string'
      ? compressionNamed(compression)
      : (this.#byName.get(compression.dictionary) as Compression)
  }

  /** Deflate with the dictionary that has this SHA-256. */
  withHash(hash: Buffer): Compression | undefined {
    return this.#byHash.get(hash.toString('hex'))
  }
}
