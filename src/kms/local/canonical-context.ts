import type { EncryptionContext } from '../kms.js'

/**
 * The canonical context: a JSON object, keys in byte order, no white space; zero bytes if it is empty.
 *
 * Written by hand because the order of an object's own keys is not byte order (`{"10":…}` comes before
 * `{"1a":…}` and after `{"9":…}`), and neither is that of UTF-16 code units.
 */
export function canonicalContext(context: EncryptionContext): Buffer {
  const entries = Object.entries(context).map(([key, value]) => ({ bytes: Buffer.from(key), key, value }))
  if (entries.length === 0) return Buffer.alloc(0)
  entries.sort((a, b) => Buffer.compare(a.bytes, b.bytes))
  const members = entries.map(({ key, value }) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return Buffer.from(`{${members.join(',')}}`)
}
