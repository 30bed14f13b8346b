/**
 * The canonical text of an encryption context: a JSON object, keys in byte order, no white space. An empty context is
 * the empty string: a call to a KMS then has no such parameter. The characters that a context allows need no escapes.
 * Even with other characters, two different contexts never have the same text.
 */
export function canonicalContext(context: Readonly<Record<string, string>>): string {
  const entries = contextEntries(context)
  if (entries.length === 0) return ''
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`
}

/** The entries in byte order of their keys; `<` is byte order because contexts are ASCII. */
export function contextEntries(context: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))
}
