/**
 * A value as indented JSON in ASCII. JSON itself leaves characters as they are that control a terminal, or that are not
 * seen on it.
 */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
  return `${text.replaceAll(/[^\n -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}
