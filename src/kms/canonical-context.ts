import type { EncryptionContext } from './kms.js'

/**
 * The canonical context: a JSON object, keys in byte order, no white space; zero bytes if it is empty. A
 * copy of what `envelope/` has, which layers keep out of reach; a test holds the two together.
 *
 * `<` is byte order because contexts are ASCII. JSON.stringify() escapes nothing that a context may have;
 * should a caller give more, two contexts still never have the same bytes.
 */
export function canonicalContext(context: EncryptionContext): Buffer {
  const entries = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return Buffer.alloc(0)
  const members = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return Buffer.from(`{${members.join(',')}}`)
}
