import { createCipheriv, createDecipheriv } from 'node:crypto'
import { EnvelopeError } from '../errors.js'
import type { ContentKey } from './content-key.js'

/** One body to seal into a buffer that has room for it. */
export interface SealJob {
  readonly plaintext: Buffer | string
  readonly aad: Uint8Array
  /** Receives IV, tag and body at the offsets below. */
  readonly target: Buffer
  readonly ivAt: number
  readonly tagAt: number
  /** The body takes the rest of `target`. */
  readonly bodyAt: number
}

/** One body to open. */
export interface OpenJob {
  readonly key: ContentKey
  readonly aad: Uint8Array
  readonly source: Buffer
  readonly ivAt: number
  readonly tagAt: number
  /** The body reaches from here to the end of `source`. */
  readonly bodyAt: number
}

/**
 * Seals and opens batches, synchronously. Another implementation gives the same bytes.
 */
export interface Engine {
  /**
   * Seals each job under `key`. IVs are the counter values from `firstCounter` on: zeros, then 64 bits big-endian
   * (deterministic construction, NIST SP 800-38D, 8.2.1). The caller owns the counter and has reserved `jobs.length`
   * values of it.
   *
   * @throws EnvelopeError INVALID_RECORD where a body does not fill its target: unwritten memory must not leave
   */
  sealMany(key: ContentKey, firstCounter: number, jobs: readonly SealJob[]): void
  /** The plaintext of each job, in a buffer of its own, or undefined where authentication fails. */
  openMany(jobs: readonly OpenJob[]): (Buffer | undefined)[]
}

/** The engine on `node:crypto`. */
export const nodeEngine: Engine = {
  sealMany(key, firstCounter, jobs) {
    const { suite } = key
    const keyObject = key.keyObject()
    const options = { authTagLength: suite.tagBytes }
    let counter = firstCounter
    for (const { plaintext, aad, target, ivAt, tagAt, bodyAt } of jobs) {
      const iv = target.subarray(ivAt, ivAt + suite.ivBytes)
      writeIv(iv, counter++)
      const cipher = createCipheriv(suite.cipher, keyObject, iv, options)
      cipher.setAAD(aad)
      // Node ignores the encoding where the plaintext is bytes.
      const body = cipher.update(plaintext as string, 'utf8')
      if (body.length !== target.length - bodyAt)
        throw new EnvelopeError('INVALID_RECORD', 'a value changed while it was being sealed')
      target.set(body, bodyAt)
      cipher.final()
      target.set(cipher.getAuthTag(), tagAt)
    }
  },

  openMany(jobs) {
    return jobs.map(({ key, aad, source, ivAt, tagAt, bodyAt }) => {
      const { cipher, ivBytes, tagBytes } = key.suite
      const iv = source.subarray(ivAt, ivAt + ivBytes)
      const decipher = createDecipheriv(cipher, key.keyObject(), iv, { authTagLength: tagBytes })
      decipher.setAAD(aad)
      decipher.setAuthTag(source.subarray(tagAt, tagAt + tagBytes))
      const plaintext = decipher.update(source.subarray(bodyAt))
      try {
        decipher.final()
        return plaintext
      } catch {
        // Unauthenticated plaintext must not stay in memory that other code may read later.
        plaintext.fill(0)
        return undefined
      }
    })
  },
}

const COUNTER_BYTES = 8

function writeIv(iv: Buffer, counter: number): void {
  const at = iv.length - COUNTER_BYTES
  for (let i = 0; i < at; i++) iv[i] = 0
  iv.writeUInt32BE(Math.floor(counter / 2 ** 32), at)
  iv.writeUInt32BE(counter % 2 ** 32, at + 4)
}
