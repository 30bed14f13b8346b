import { readSecret } from './secret-file.js'
import type { Tokens } from './tokens.js'

/** Tokens that another process, such as Vault Agent, keeps in a file. The file is read for each call. */
export class FileTokens implements Tokens {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  get(signal: AbortSignal): Promise<string> {
    return readSecret(this.#file, signal)
  }

  async instead(refused: string, signal: AbortSignal): Promise<string | undefined> {
    const token = await this.get(signal)
    return token === refused ? undefined : token
  }

  close(): void {
    // Holds nothing.
  }
}
