import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * How often a text stands in the log folders of these topics. The processes do not compress batches, so that it would be
 * seen.
 *
 * @throws Error if a topic has no folder: a search in the wrong place finds nothing
 */
export async function countInLogs(
  text: string,
  { dataFolder, topics }: { readonly dataFolder: string; readonly topics: readonly string[] },
): Promise<number> {
  const folders = await readdir(dataFolder)
  let found = 0
  for (const topic of topics) {
    const own = folders.filter((name) => name.startsWith(`${topic}-`))
    if (own.length === 0) throw new Error(`${dataFolder} has no folder of ${topic}`)
    for (const folder of own) {
      const files = await readdir(join(dataFolder, folder))
      for (const file of files.filter((name) => name.endsWith('.log')))
        found += await countInFile(text, join(dataFolder, folder, file))
    }
  }
  return found
}

async function countInFile(text: string, path: string): Promise<number> {
  let found = 0
  let rest = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer])
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) found++
    // One that lies across two chunks is whole in the next; none is counted twice.
    rest = bytes.subarray(Math.max(0, bytes.length - text.length + 1))
  }
  return found
}
