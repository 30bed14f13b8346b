import { createReadStream } from 'node:fs'
import { MAX_LINE_BYTES } from './chain.js'

/** A line without its line break. */
export interface RawLine {
  /** Undefined if it is longer than any line of a log. */
  readonly bytes: Buffer | undefined
  /** Whether it ends with a line break. */
  readonly isFinished: boolean
}

/** The lines of a file, as bytes. Takes bounded memory, whatever the file contains. */
export async function* linesOf(file: string): AsyncGenerator<RawLine> {
  let parts: Buffer[] = []
  let length = 0
  const keep = (part: Buffer): void => {
    length += part.length
    if (length <= MAX_LINE_BYTES) parts.push(part)
    else parts = []
  }
  const line = (isFinished: boolean): RawLine => {
    const bytes = length <= MAX_LINE_BYTES ? Buffer.concat(parts) : undefined
    parts = []
    length = 0
    return { bytes, isFinished }
  }
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      keep(chunk.subarray(from, at))
      yield line(true)
      from = at + 1
    }
    if (from < chunk.length) keep(chunk.subarray(from))
  }
  if (length > 0) yield line(false)
}
