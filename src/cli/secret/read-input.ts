import { onAbort } from '../../cancellation.js'
import { readAtMost, whyUnreadable } from '../../config/bounded-file.js'

/**
 * Reads a file, or standard input for `-`, up to one byte more than `maxBytes`. The caller wipes the bytes.
 * @throws Error if the file cannot be read, or the signal aborts
 */
export async function readInput(source: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  if (source === '-') return readStandardInput(maxBytes, signal)
  try {
    return await readAtMost(source, maxBytes)
  } catch (error) {
    throw new Error(`${source}: ${whyUnreadable(error)}`, { cause: error })
  }
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
