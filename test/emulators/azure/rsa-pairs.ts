import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'

/** Making RSA keys takes long, so emulators of one process use the same ones. */
const made = new Map<number, KeyPairKeyObjectResult[]>()

/** Gives one emulator different pairs. */
export function rsaPairs(): (bits: number) => KeyPairKeyObjectResult {
  const given = new Map<number, number>()
  return (bits) => {
    const at = given.get(bits) ?? 0
    given.set(bits, at + 1)
    const pairs = made.get(bits) ?? []
    made.set(bits, pairs)
    return (pairs[at] ??= generateKeyPairSync('rsa', { modulusLength: bits }))
  }
}
