import { setMaxListeners } from 'node:events'
import { afterEach, beforeEach } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { gcpKms, type GcpKmsOptions } from '../../../src/kms/gcp/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import type { CryptoKey } from '../../emulators/gcp/crypto-key.js'
import { GcpKmsEmulator } from '../../emulators/gcp/emulator.js'

export const CMK = 'projects/acme-prod/locations/europe-west3/keyRings/kafka/cryptoKeys/orders'
export const DEK: Uint8Array = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)
const signal: AbortSignal = new AbortController().signal
setMaxListeners(0, signal)
export const call = { cmkId: CMK, context: { tenant: 'acme' }, signal }

/** An emulator with one key for each test of a file, and clients that are closed after it. */
export interface GcpForTests {
  readonly emulator: GcpKmsEmulator
  readonly key: CryptoKey
  /** A client with all permissions, unless the options say otherwise. */
  kms(options?: Partial<GcpKmsOptions>): Kms
}

export function gcpForTests(): GcpForTests {
  const made: Kms[] = []
  let running: { readonly emulator: GcpKmsEmulator; readonly key: CryptoKey } | undefined
  const current = () => {
    if (running === undefined) throw new Error('only inside a test')
    return running
  }
  beforeEach(async () => {
    const emulator = await GcpKmsEmulator.start()
    running = { emulator, key: emulator.createKey(CMK) }
  })
  afterEach(async () => {
    for (const each of made.splice(0)) await each.close?.()
    await current().emulator.close()
  })
  return {
    get emulator() {
      return current().emulator
    },
    get key() {
      return current().key
    },
    kms(options = {}) {
      const { emulator } = current()
      const token = emulator.token('encrypt', 'decrypt')
      const kms = gcpKms({
        accessToken: () => Promise.resolve(token),
        endpoint: emulator.url,
        requestTimeout: 2000,
        ...options,
      })
      made.push(kms)
      return kms
    },
  }
}

/** The error with which `promise` rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<EnvelopeError> {
  const error: unknown = await promise.then(
    () => new Error('was fulfilled'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof EnvelopeError)) throw new Error('not an EnvelopeError', { cause: error })
  return error
}
