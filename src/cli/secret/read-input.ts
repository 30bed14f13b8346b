import { onAbort } from '../../cancellation.js'
import { readAtMost, whyUnreadable } from '../../config/bounded-file.js'

/** What a command reads. */
export interface Input {
  readonly maxBytes: number
  /** What an error calls a file that cannot be read. */
  readonly nameOf: (file: string) => string
}

/**
 * Reads a file, or standard input for `-`, up to one byte more than `maxBytes`. The caller wipes the bytes.
 * @throws Error if the file cannot be read, or the signal aborts
 */
export async function readInput(
  source: string,
  { maxBytes, nameOf }: Input,
  signal: AbortSignal,
): Promise<Buffer> {
  if (source === '-') return readStandardInput(maxBytes, signal)
  // Without the error as a cause: it repeats the name.
  const read = await readAtMost(source, maxBytes).catch(whyUnreadable)
  if (typeof read === 'string') throw new Error(`${nameOf(source)}: ${read}`)
  return read
}

async function readStandardInput(maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const { stdin } = process
  const removeListener = onAbort(signal, () => stdin.destroy())
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes) break
    }
  } finally {
    removeListener()
  }
  const all = Buffer.concat(chunks).subarray(0, maxBytes + 1)
  for (const chunk of chunks) chunk.fill(0)
  return all
}
