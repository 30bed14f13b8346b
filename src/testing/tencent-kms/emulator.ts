import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { EnvelopeError } from '../../errors.js'
import { Access, type EmulatorCredential } from './access.js'
import { Calls, type EmulatorCall } from './calls.js'
import type { CmkState } from './cmk.js'
import { Faults, type Fault } from './faults.js'
import { createEmulatorServer } from './http.js'
import { inMemory, onDisk } from './key-file.js'
import { Keys, summaryOf, type EmulatorKey, type NewKeyOptions } from './keys.js'
import { Quotas } from './quotas.js'
import { Refusal } from './refusal.js'
import { DEFAULT_REGION } from './regions.js'
import { Service } from './service.js'

/** Who may do everything where no credentials are given. For the emulator only: it is in the source for all to see. */
export const EMULATOR_CREDENTIAL: EmulatorCredential = {
  secretId: 'AKIDEMULATORONLY',
  secretKey: 'emulator-only-not-a-secret',
}

export interface EmulatorOptions {
  /** A free one unless said. */
  readonly port?: number
  /** `127.0.0.1` unless said; one that is not a loopback address needs `exposed`. */
  readonly host?: string
  /** Consents to a `host` that others may reach. There is no TLS. */
  readonly exposed?: boolean
  /** `EMULATOR_CREDENTIAL` alone unless said. */
  readonly credentials?: readonly EmulatorCredential[]
  /** Made at the start, unless the file has a key of that alias in that region. */
  readonly keys?: readonly NewKeyOptions[]
  /** A file of mode 0600 that keeps the keys, in plaintext; of one emulator at a time. In memory unless said. */
  readonly file?: string
  /** Calls a second and region by action, or `symmetric` for those that share a quota; `*` for those not named; the vendor's defaults unless said. */
  readonly quotas?: Readonly<Record<string, number>>
  /** Unix, milliseconds: of signatures, quotas, rotation and deletion. `Date.now` unless said. */
  readonly clock?: () => number
}

/** A running emulator, and what only a test may do to a KMS: this needs no signature and no right. */
export interface TencentKmsEmulator {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `127.0.0.1:PORT`, as the SDK's `httpProfile.endpoint` has it; its `protocol` is then `http://`. */
  readonly endpoint: string
  readonly port: number
  /** @throws EnvelopeError CONFIG_INVALID */
  createKey(options: NewKeyOptions): EmulatorKey
  /** Of all regions, oldest first. */
  keys(): readonly EmulatorKey[]
  /**
   * Puts a key into a state, allowed or not: `Enabled` after `PendingImport` stands for an import,
   * `PendingDelete` ends in seven days.
   *
   * @throws EnvelopeError CONFIG_INVALID where there is no such key
   */
  setKeyState(keyId: string, state: CmkState): void
  /** Gives a symmetric key a new material. @throws EnvelopeError CONFIG_INVALID */
  rotateKey(keyId: string): void
  /** Replaces who may do what, at once. @throws EnvelopeError CONFIG_INVALID */
  setCredentials(credentials: readonly EmulatorCredential[]): void
  readonly faults: {
    /** Returns what takes the fault away again. */
    inject(fault: Fault): () => void
    /** Takes all away. A stall that is under way goes on. */
    clear(): void
  }
  /** The newest 10,000 calls, oldest first; a copy. */
  calls(): readonly EmulatorCall[]
  forgetCalls(): void
  /** Ends every connection, stalls and waits included. May be called twice. */
  close(): Promise<void>
}

/**
 * Starts an emulator of Tencent Cloud KMS. Of what the vendor documents and of what is assumed, there is a table
 * in `docs/kms-emulator.md`.
 *
 * @throws EnvelopeError CONFIG_INVALID for wrong options or a port that is taken; KEYRING_EXPOSED,
 * KEYRING_INVALID, KMS_DENIED, KMS_UNAVAILABLE for the file
 */
export async function startTencentKmsEmulator(options: EmulatorOptions = {}): Promise<TencentKmsEmulator> {
  const { clock = Date.now, host = '127.0.0.1' } = options
  requireLoopback(host, options.exposed ?? false)
  const access = new Access()
  access.set(options.credentials ?? [EMULATOR_CREDENTIAL])
  const keys = new Keys(options.file === undefined ? inMemory() : onDisk(options.file), clock)
  for (const key of options.keys ?? []) ensureKey(keys, key)
  const faults = new Faults()
  const calls = new Calls()
  const closing = new AbortController()
  const service = new Service({ access, keys, quotas: new Quotas(options.quotas ?? {}, clock), clock })
  const server = createEmulatorServer({ service, faults, calls, clock, closing: closing.signal })
  const port = await listen(server, host, options.port ?? 0)
  let closed: Promise<void> | undefined
  const endpoint = `${host.includes(':') ? `[${host}]` : host}:${String(port)}`
  return {
    url: `http://${endpoint}`,
    endpoint,
    port,
    createKey: (key) => summaryOf(configured(() => keys.create(key))),
    keys: () => keys.in().map(summaryOf),
    setKeyState: (keyId, state) => {
      configured(() => {
        keys.setState(keys.get(keyId), state)
      })
    },
    rotateKey: (keyId) => {
      configured(() => {
        keys.rotate(keys.get(keyId))
      })
    },
    setCredentials: (credentials) => {
      access.set(credentials)
    },
    faults: {
      inject: (fault) => faults.inject(fault),
      clear: () => {
        faults.clear()
      },
    },
    calls: () => calls.all(),
    forgetCalls: () => {
      calls.clear()
    },
    close: () => {
      closing.abort()
      return (closed ??= close(server))
    },
  }
}

function requireLoopback(host: string, exposed: boolean): void {
  if (!exposed && !/^(localhost|::1|127(\.\d{1,3}){3})$/.test(host)) {
    throw new EnvelopeError('CONFIG_INVALID', `others may reach ${host}, which must be asked for: expose it`)
  }
}

function ensureKey(keys: Keys, options: NewKeyOptions): void {
  const { alias, region = DEFAULT_REGION, usage = 'ENCRYPT_DECRYPT' } = options
  const there = keys.in(region).find((cmk) => cmk.alias === alias)
  if (there === undefined) {
    configured(() => keys.create(options))
  } else if (there.usage !== usage || (options.keyId ?? there.keyId) !== there.keyId) {
    throw new EnvelopeError('CONFIG_INVALID', `the file has another key of the alias ${alias}`)
  }
}

/** What the wire would answer with a code, is a wrong option here. */
function configured<T>(change: () => T): T {
  try {
    return change()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new EnvelopeError('CONFIG_INVALID', `${error.code}: ${error.message.replace(/\.$/, '')}`)
  }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    throw new EnvelopeError('CONFIG_INVALID', `cannot listen on ${host}, port ${String(port)}`, {
      cause: error,
    })
  }
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
