/** In hexadecimal, as envelopes and error messages name a dictionary. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await globalThis.crypto.subtle.digest('SHA-256', Uint8Array.from(bytes))).toString('hex')
}
