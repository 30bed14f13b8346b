import { printableText } from './printable.js'

/** One line on stderr and exit code 1. A stack trace does not help at a prompt, and could show secrets. */
export function reportFailure(error: unknown): void {
  process.exitCode = 1
  process.stderr.write(`${oneLine(error instanceof Error ? error.message : String(error))}\n`)
}

/** A message can quote a file or a broker: what would control the terminal is escaped. */
export function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*[\r\n]+\s*/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, (found) => printableText(found))
}
