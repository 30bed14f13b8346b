/**
 * A value as indented JSON in ASCII. JSON itself leaves characters as they are that control a terminal, or that are not
 * seen on it.
 */
export function safeJson(value: unknown): string {
  return `${inAscii(JSON.stringify(value, null, 2))}\n`
}

/** The same on one line. */
export function safeJsonLine(value: unknown): string {
  return `${inAscii(JSON.stringify(value))}\n`
}

function inAscii(json: string): string {
  return json.replaceAll(/[^\n -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
