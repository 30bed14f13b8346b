/** Of a terminal that does not say how wide it is. */
const COLUMNS = 80

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
}

/**
 * Wraps long lines of prose if standard output is a terminal: in a pipe, a line stays a line. What is between backquotes
 * stays together, so that it can be copied.
 */
export function forTerminal(text: string, output: Output = process.stdout): string {
  const { isTTY, columns = COLUMNS } = output
  if (isTTY !== true) return text
  return text
    .split('\n')
    .flatMap((line) => wrapped(line, columns))
    .join('\n')
}

/** The lines that follow begin where the prose does: behind the columns of a table, which two spaces part. */
function wrapped(line: string, columns: number): string[] {
  const [before = ''] = /^(?:.*\S {2,}| *)(?:-> )?/.exec(line) ?? []
  const indent = ' '.repeat(before.length)
  const words = line.slice(before.length).match(/(?:`[^`]*`|\S)+/g) ?? []
  // A narrow column would be harder to read than what the terminal itself makes of the line.
  if (line.length <= columns || before.length > columns / 2) return [line]
  const lines: string[] = []
  let current = before
  for (const word of words) {
    const isFirst = current.trimEnd().length <= before.trimEnd().length && current.length === before.length
    if (!isFirst && current.length + 1 + word.length > columns) {
      lines.push(current)
      current = indent + word
    } else current += isFirst ? word : ` ${word}`
  }
  return [...lines, current]
}
