import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { Access, type EmulatorCredential } from './access.js'
import { Calls, type EmulatorCall } from './calls.js'
import type { CmkState } from './cmk.js'
import { EmulatorError } from './errors.js'
import { Faults, type Fault } from './faults.js'
import { createEmulatorServer } from './http.js'
import { inMemory, onDisk } from './key-file.js'
import { Keys, summaryOf, type EmulatorKey, type NewKeyOptions } from './keys.js'
import { Quotas } from './quotas.js'
import { Refusal } from './refusal.js'
import { DEFAULT_REGION } from './regions.js'
import { Service } from './service.js'

/** The default caller, allowed to do everything. For the emulator only: it is public. */
export const EMULATOR_CREDENTIAL: EmulatorCredential = {
  secretId: 'AKIDEMULATORONLY',
  secretKey: 'emulator-only-not-a-secret',
}

export interface EmulatorOptions {
  /** A free one by default. */
  readonly port?: number
  /** `127.0.0.1` by default; an address that is not a loopback address needs `exposed`. */
  readonly host?: string
  /** Allows a `host` that other machines can reach. There is no TLS. */
  readonly exposed?: boolean
  /** Only `EMULATOR_CREDENTIAL` by default. */
  readonly credentials?: readonly EmulatorCredential[]
  /** Created at the start, unless the file has a key with that alias in that region. */
  readonly keys?: readonly NewKeyOptions[]
  /** A file of mode 0600 that keeps the keys, in plaintext; one emulator at a time. In memory by default. */
  readonly file?: string
  /**
   * Calls per second and region, by action, or `symmetric` for those that share a quota; `*` for all others. The
   * vendor's quotas by default.
   */
  readonly quotas?: Readonly<Record<string, number>>
  /** Unix, milliseconds: for signatures, quotas, rotation and deletion. `Date.now` by default. */
  readonly clock?: () => number
}

/** A running emulator, with controls for tests that need neither a signature nor a permission. */
export interface TencentKmsEmulator {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `127.0.0.1:PORT`, for the SDK's `httpProfile.endpoint`; set its `protocol` to `http://`. */
  readonly endpoint: string
  readonly port: number
  /** @throws EmulatorError OPTIONS_INVALID */
  createKey(options: NewKeyOptions): EmulatorKey
  /** Keys of all regions, oldest first. */
  keys(): readonly EmulatorKey[]
  /**
   * Puts a key into a state, even one that the API would refuse: `Enabled` after `PendingImport` simulates an
   * import; `PendingDelete` ends in seven days.
   *
   * @throws EmulatorError OPTIONS_INVALID if there is no such key
   */
  setKeyState(keyId: string, state: CmkState): void
  /** Gives a symmetric key new material. @throws EmulatorError OPTIONS_INVALID */
  rotateKey(keyId: string): void
  /** Replaces all credentials and their permissions immediately. @throws EmulatorError OPTIONS_INVALID */
  setCredentials(credentials: readonly EmulatorCredential[]): void
  readonly faults: {
    /** Returns a function that removes the fault. */
    inject(fault: Fault): () => void
    /** Removes all faults. A stall that has begun continues. */
    clear(): void
  }
  /** The newest 10,000 calls, oldest first; a copy. */
  calls(): readonly EmulatorCall[]
  forgetCalls(): void
  /** Ends every connection, stalls and waits included. Can be called again. */
  close(): Promise<void>
}

/**
 * Starts an emulator of Tencent Cloud KMS. A table in the README shows what the vendor documents and what is assumed.
 *
 * @throws EmulatorError OPTIONS_INVALID; ADDRESS_UNAVAILABLE if the port is in use; KEY_FILE_EXPOSED,
 * KEY_FILE_INVALID, KEY_FILE_UNREADABLE, KEY_FILE_UNWRITABLE
 */
export async function startTencentKmsEmulator(options: EmulatorOptions = {}): Promise<TencentKmsEmulator> {
  const { clock = Date.now, host = '127.0.0.1', port: wanted = 0 } = options
  requireLoopback(host, options.exposed ?? false)
  requirePort(wanted)
  const access = new Access()
  access.set(options.credentials ?? [EMULATOR_CREDENTIAL])
  const keys = new Keys(options.file === undefined ? inMemory() : onDisk(options.file), clock)
  for (const key of options.keys ?? []) ensureKey(keys, key)
  const faults = new Faults()
  const calls = new Calls()
  const closing = new AbortController()
  const service = new Service({ access, keys, quotas: new Quotas(options.quotas ?? {}, clock), clock })
  const server = createEmulatorServer({ service, faults, calls, clock, closing: closing.signal })
  const port = await listen(server, host, wanted)
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
    throw new EmulatorError(
      'OPTIONS_INVALID',
      `other machines can reach ${host}: set \`exposed\` (--expose) to allow that`,
    )
  }
}

function requirePort(port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new EmulatorError('OPTIONS_INVALID', `${String(port)} is not a port`)
  }
}

function ensureKey(keys: Keys, options: NewKeyOptions): void {
  const { alias, region = DEFAULT_REGION, usage = 'ENCRYPT_DECRYPT' } = options
  const there = keys.in(region).find((cmk) => cmk.alias === alias)
  if (there === undefined) {
    configured(() => keys.create(options))
  } else if (there.usage !== usage || (options.keyId ?? there.keyId) !== there.keyId) {
    throw new EmulatorError('OPTIONS_INVALID', `the file has another key with the alias ${alias}`)
  }
}

/** Turns the refusal that a request would get into an error about an option. */
function configured<T>(change: () => T): T {
  try {
    return change()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new EmulatorError('OPTIONS_INVALID', `${error.code}: ${error.message.replace(/\.$/, '')}`)
  }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    throw new EmulatorError('ADDRESS_UNAVAILABLE', `cannot listen on ${host}, port ${String(port)}`, {
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
