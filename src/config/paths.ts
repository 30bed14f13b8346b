import { types } from 'node:util'

/** How a message names a part of a configuration, `topics[0].encrypt.rotate`, and the values there. */

export const ROOT = '(root)'

/** The path of a member or of an item of a list. */
export function child(path: string, key: string | number): string {
  const parent = path === ROOT ? '' : path
  if (typeof key === 'number') return `${parent}[${String(key)}]`
  if (/^[\w.:*/$-]+$/.test(key)) return `${parent}${parent && '.'}${key}`
  // The content of a file may be printed to a terminal.
  return `${parent}[${quoted(key)}]`
}

/** Whether a path is that of a member, or of something in it. */
export function isWithin(path: string, member: string): boolean {
  return path === member || path.startsWith(`${member}.`) || path.startsWith(`${member}[`)
}

/** Renders the value at a path for a message. Empty if the message must not show it. */
export type Show = (path: string, value: unknown) => string

/** Renders a value for a message: short, and without the content of objects. */
export const show: Show = (_, value) => {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (types.isUint8Array(value)) return `a Uint8Array of ${String(value.length)} bytes`
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
