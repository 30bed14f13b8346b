import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'

/*
 * The floor: what a program does that encrypts with `node:crypto` and nothing else. A new cipher and a random IV for each
 * record, one `Buffer.concat`. No envelope, no rotation, no checks.
 */

const ALGORITHM = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
const key = createSecretKey(randomBytes(32))

export function floorSeal(value: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  const body = cipher.update(value)
  cipher.final()
  return Buffer.concat([iv, cipher.getAuthTag(), body])
}

export function floorOpen(sealed: Buffer): Buffer {
  const iv = sealed.subarray(0, IV_BYTES)
  const decipher = createDecipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
}
