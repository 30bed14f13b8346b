import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { parseJson, sampleOf, type Sample } from './sample.js'

const LINES = new Set(['.jsonl', '.ndjson'])
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * Of a file that ends in `.jsonl` or `.ndjson` each line is a sample, of any other the whole content.
 * @param groupBy as for `sampleOf`
 * @throws Error if a line is not JSON: of an object on several lines, each would count as a sample
 */
export async function readSamples(files: readonly string[], groupBy?: string): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const file of files) {
    const content = await readFile(file)
    if (!LINES.has(extname(file).toLowerCase())) {
      if (content.length > 0) samples.push(sampleOf(content, { place: file }, groupBy))
      continue
    }
    for (const [i, line] of linesOf(content).entries()) {
      if (line.length === 0) continue
      const place = `${file}, line ${String(i + 1)}`
      parseJson(line, place)
      samples.push(sampleOf(line, { place }, groupBy))
    }
  }
  return samples
}

function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < content.length;) {
    const found = content.indexOf(LINE_FEED, start)
    const end = found === -1 ? content.length : found
    const line = content.subarray(start, end)
    lines.push(line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line)
    start = end + 1
  }
  return lines
}
