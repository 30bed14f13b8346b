import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CANARY } from './record.js'

/**
 * How often the canary stands in the log folders of these topics. The processes do not compress batches, so that it would
 * be seen.
 *
 * @throws Error if a topic has no folder: a search in the wrong place finds nothing
 */
export async function canariesIn(dataFolder: string, topics: readonly string[]): Promise<number> {
  const folders = await readdir(dataFolder)
  let found = 0
  for (const topic of topics) {
    const own = folders.filter((name) => name.startsWith(`${topic}-`))
    if (own.length === 0) throw new Error(`${dataFolder} has no folder of ${topic}`)
    for (const folder of own) {
      const files = await readdir(join(dataFolder, folder))
      for (const file of files.filter((name) => name.endsWith('.log')))
        found += await canariesInFile(join(dataFolder, folder, file))
    }
  }
  return found
}

async function canariesInFile(path: string): Promise<number> {
  let found = 0
  let rest = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    const bytes = Buffer.concat([rest, chunk as Buffer])
    for (let at = bytes.indexOf(CANARY); at >= 0; at = bytes.indexOf(CANARY, at + 1)) found++
    // One that lies across two chunks is whole in the next; none is counted twice.
    rest = bytes.subarray(Math.max(0, bytes.length - CANARY.length + 1))
  }
  return found
}
