import { configError, EnvelopeError } from '../../errors.js'
import { aes } from '../local/aes.js'
import { keyringKms } from '../local/keyring-kms.js'
import { isCmkId, type AesCmk } from '../local/local-cmk.js'
import type { Kms } from '../kms.js'

export interface MemoryKmsOptions {
  /** The ids of its CMKs, all symmetric. */
  readonly cmks: readonly string[]
}

/** A KMS in memory, with controls for tests. */
export interface MemoryKms extends Kms {
  /** While it is unavailable, every call fails with `KMS_UNAVAILABLE`. */
  setAvailable(available: boolean): void
  /** While a CMK is disabled, it neither wraps nor unwraps (`CMK_DISABLED`). */
  setEnabled(cmkId: string, enabled: boolean): void
  /** Adds a new version to a CMK, which wraps from now on; older versions still unwrap. */
  rotate(cmkId: string): void
  /** Removes a CMK: records sealed under it can no longer be opened (`CMK_NOT_FOUND`). */
  remove(cmkId: string): void
}

/**
 * A KMS for tests: AES-256 CMKs in the memory of this process. It really wraps, as `localKms` does and under the same
 * provider name. Never seal data that must be read later: the CMKs are lost when the process ends.
 *
 * @throws EnvelopeError CONFIG_INVALID without a list of valid CMK ids, and in production (`NODE_ENV`)
 */
export function memoryKms(options: MemoryKmsOptions): MemoryKms {
  if (process.env['NODE_ENV'] === 'production') {
    throw invalid('NODE_ENV', 'is production: nothing could be opened once this process has ended')
  }
  // Callers in JavaScript may pass anything.
  const cmks: unknown = (options as MemoryKmsOptions | null | undefined)?.cmks
  if (!Array.isArray(cmks)) throw invalid('cmks', 'expected a list of ids of CMKs')
  const keyring = new Map<string, AesCmk>()
  for (const [i, id] of cmks.entries()) {
    if (typeof id !== 'string' || !isCmkId(id))
      throw invalid(`cmks[${String(i)}]`, 'expected 1 to 256 visible ASCII characters')
    keyring.set(id, aes.create(id))
  }
  let isAvailable = true
  const change = (cmkId: string, changed: (cmk: AesCmk) => AesCmk): void => {
    const cmk = keyring.get(cmkId)
    if (cmk === undefined) throw new EnvelopeError('CMK_NOT_FOUND', `CMK ${cmkId} is not in memoryKms()`)
    keyring.set(cmkId, changed(cmk))
  }
  const read = (): Promise<typeof keyring> =>
    isAvailable
      ? Promise.resolve(keyring)
      : Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'a test made memoryKms() unavailable'))
  return {
    ...keyringKms(read, 'memoryKms()'),
    setAvailable(available) {
      isAvailable = available
    },
    setEnabled(cmkId, enabled) {
      change(cmkId, (cmk) => ({ ...cmk, enabled }))
    },
    rotate(cmkId) {
      change(cmkId, (cmk) => aes.rotate(cmk))
    },
    remove(cmkId) {
      keyring.delete(cmkId)
    },
  }
}

function invalid(path: string, message: string): EnvelopeError {
  return configError([{ path, message }], { subject: 'the options of memoryKms()' })
}
