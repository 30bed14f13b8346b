import { LRUCache } from 'lru-cache'

/** In hexadecimal, as envelopes and error messages name a dictionary. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await globalThis.crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))).toString('hex')
}

/** The same, which remembers the last ones: the records of a topic share few ciphertext DEKs. */
export function rememberedSha256(): (bytes: Uint8Array) => Promise<string> {
  const known = new LRUCache<string, Promise<string>>({ max: 1000 })
  return (bytes) => {
    const name = Buffer.from(bytes).toString('latin1')
    let hash = known.get(name)
    if (hash === undefined) known.set(name, (hash = sha256(bytes)))
    return hash
  }
}
