import { isUtf8 } from 'node:buffer'
import { printable } from '../printable.js'

/** A terminal is no place for more; `--raw` and `--json` give all of it. */
const SHOWN_BYTES = 16_384
const HEX_LINE = 32

/** A value for a terminal, in lines: text with everything escaped that would not be seen, or hex. */
export function printableValue(value: Buffer): string[] {
  const part = value.subarray(0, SHOWN_BYTES)
  const lines = isUtf8(value) ? textLines(part) : hexLines(part)
  const hidden = value.length - part.length
  return hidden === 0
    ? lines
    : [...lines, `… and ${hidden.toLocaleString('en-US')} bytes more; --raw and --json give all`]
}

function textLines(text: Buffer): string[] {
  if (text.length === 0) return []
  return text
    .toString('latin1')
    .split('\n')
    .map((line) => printable(Buffer.from(line, 'latin1')))
}

function hexLines(bytes: Buffer): string[] {
  return Array.from({ length: Math.ceil(bytes.length / HEX_LINE) }, (_, i) =>
    bytes.toString('hex', i * HEX_LINE, (i + 1) * HEX_LINE),
  )
}
