import { setMaxListeners } from 'node:events'
import { afterEach, beforeEach } from 'vitest'
import { EnvelopeError } from '../../../src/errors.js'
import { azureKms, type AzureKmsOptions, type HolderType } from '../../../src/kms/azure/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { AzureEmulator } from '../../emulators/azure/emulator.js'
import type { Operation, VaultKey } from '../../emulators/azure/vault-key.js'

export const DEK: Uint8Array = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)
export const SCOPE = 'https://vault.azure.net/.default'
export const signal: AbortSignal = new AbortController().signal
setMaxListeners(0, signal)

interface Call {
  readonly cmkId: string
  readonly context: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Both emulators, each with a key `orders`, for each test of a file, and clients that are closed after it. */
export interface AzureForTests {
  emulator(type: HolderType): AzureEmulator
  key(type: HolderType): VaultKey
  call(type: HolderType): Call
  /** A client with all permissions, unless the options say otherwise. */
  kms(type: HolderType, options?: Partial<AzureKmsOptions>): Kms
  /** A client with these permissions. */
  allowed(type: HolderType, ...operations: Operation[]): Kms
}

export function azureForTests(): AzureForTests {
  const made: Kms[] = []
  const emulators = new Map<HolderType, AzureEmulator>()
  const keys = new Map<HolderType, VaultKey>()
  const of = <T>(map: ReadonlyMap<HolderType, T>, type: HolderType): T => {
    const found = map.get(type)
    if (found === undefined) throw new Error('only inside a test')
    return found
  }
  beforeEach(async () => {
    for (const type of ['vault', 'managed-hsm'] as const) {
      const emulator = await AzureEmulator.start()
      emulators.set(type, emulator)
      keys.set(type, emulator.createKey('orders', type === 'vault' ? 'RSA' : 'oct-HSM'))
    }
  })
  afterEach(async () => {
    for (const each of made.splice(0)) await each.close?.()
    for (const each of emulators.values()) await each.close()
  })
  const kms = (type: HolderType, options: Partial<AzureKmsOptions> = {}): Kms => {
    const emulator = of(emulators, type)
    const token = emulator.token('get', 'unwrapkey', 'encrypt', 'decrypt')
    const client = azureKms({
      credential: { getToken: () => Promise.resolve({ token }) },
      hosts: { [emulator.host]: { type, scope: SCOPE } },
      requestTimeout: 2000,
      ...options,
    })
    made.push(client)
    return client
  }
  return {
    emulator: (type) => of(emulators, type),
    key: (type) => of(keys, type),
    call: (type) => ({
      cmkId: `${of(emulators, type).url}/keys/orders`,
      context: { tenant: 'acme' },
      signal,
    }),
    kms,
    allowed(type, ...operations) {
      const token = of(emulators, type).token(...operations)
      return kms(type, { credential: { getToken: () => Promise.resolve({ token }) } })
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
