import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'

const LINES = new Set(['.jsonl', '.ndjson'])
const LINE_FEED = 0x0a

/** Of a file that ends in `.jsonl` or `.ndjson` each line is a sample, of any other the whole content. */
export async function readSamples(files: readonly string[]): Promise<Buffer[]> {
  const samples: Buffer[] = []
  for (const file of files) {
    const content = await readFile(file)
    if (LINES.has(extname(file).toLowerCase())) samples.push(...linesOf(content))
    else samples.push(content)
  }
  return samples.filter(({ length }) => length > 0)
}

function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < content.length;) {
    const found = content.indexOf(LINE_FEED, start)
    const end = found === -1 ? content.length : found
    const line = content.subarray(start, end)
    lines.push(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
    start = end + 1
  }
  return lines
}
