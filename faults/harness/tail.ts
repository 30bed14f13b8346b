import { closeSync, existsSync, openSync, readSync } from 'node:fs'

const CHUNK = 2 ** 20

/** Reads a growing file line by line: each call returns the whole lines that came since the last. */
export class Tail {
  readonly #path: string
  #at = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  *lines(): Generator<string> {
    if (!existsSync(this.#path)) return
    const file = openSync(this.#path, 'r')
    const chunk = Buffer.allocUnsafe(CHUNK)
    try {
      for (;;) {
        const read = readSync(file, chunk, 0, CHUNK, this.#at)
        if (read === 0) return
        this.#at += read
        // Ledgers are ASCII, so that no chunk ends within a character.
        const lines = (this.#rest + chunk.toString('latin1', 0, read)).split('\n')
        this.#rest = lines.pop() ?? ''
        yield* lines
      }
    } finally {
      closeSync(file)
    }
  }
}
