/**
 * A ciphertext DEK of the provider `vault-transit`: the text `vault:v<version>:<base64>` as received, in ASCII.
 * `docs/format.md` specifies it. An encrypted secret is the same, but longer.
 */

const FORM = /^vault:v[1-9][0-9]{0,8}:([A-Za-z0-9+/]+={0,2})$/

/**
 * Whether the bytes have that form, with base64 that only one sequence of bytes has. The service is less strict: it takes
 * version 0 for 1, and ignores line breaks and spare bits. Other bytes would then open the same as those it returned.
 */
export function isCiphertext(bytes: Uint8Array, maxBytes: number): boolean {
  if (bytes.length > maxBytes) return false
  const [, base64] = FORM.exec(Buffer.from(bytes).toString('latin1')) ?? []
  return base64 !== undefined && Buffer.from(base64, 'base64').toString('base64') === base64
}

/** Bytes of the right form that no key ever made. To decrypt them shows whether this identity may decrypt. */
export function neverMade(version: number): Uint8Array {
  return new Uint8Array(Buffer.from(`vault:v${String(version)}:${Buffer.alloc(60).toString('base64')}`))
}
