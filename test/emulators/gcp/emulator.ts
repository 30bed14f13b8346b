import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { CryptoKey, type ProtectionLevel } from './crypto-key.js'
import { checksumOf, Fields, invalidArgument, Refusal } from './wire.js'

export type Permission = 'encrypt' | 'decrypt'
type Body = Readonly<Record<string, unknown>>

export interface GcpCall {
  readonly action: Permission
  readonly key: string
  readonly token: string
  readonly body: Body
}

const KEY_PATH =
  /^\/v1\/(projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+):(encrypt|decrypt)$/
const MAX_BYTES = 65_536
const MAX_HSM_BYTES = 8192

/**
 * The methods `encrypt` and `decrypt` of Cloud KMS v1, on loopback. Written after the REST reference, and stricter than
 * the service: it refuses what a correct client never sends. It knows no IAM conditions and no quotas.
 */
export class GcpKmsEmulator {
  /** The calls that were answered, in order. */
  readonly calls: GcpCall[] = []
  /** Changes answers on their way. */
  alter: (answer: Body) => Body = (answer) => answer
  /** Answers a request instead of the emulator, if it returns something. */
  instead: (action: string) => { readonly httpStatus: number; readonly body: object } | undefined = () =>
    undefined
  readonly #keys = new Map<string, CryptoKey>()
  readonly #tokens = new Map<string, ReadonlySet<Permission>>()
  readonly #sockets = new Set<Socket>()
  // Longer than a client keeps a connection: a request on one that is being closed fails.
  readonly #server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    this.#answer(request).then(
      ([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' })
        response.end(JSON.stringify(body))
      },
      () => request.destroy(),
    )
  })

  static async start(): Promise<GcpKmsEmulator> {
    const emulator = new GcpKmsEmulator()
    emulator.#server.on('connection', (socket) => {
      emulator.#sockets.add(socket)
      socket.on('close', () => emulator.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => emulator.#server.listen(0, '127.0.0.1', resolve))
    return emulator
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
  }

  createKey(name: string, protectionLevel: ProtectionLevel = 'SOFTWARE'): CryptoKey {
    const key = new CryptoKey(name, protectionLevel)
    this.#keys.set(name, key)
    return key
  }

  /** Issues an access token. */
  token(...permissions: readonly Permission[]): string {
    const token = `ya29.${randomBytes(48).toString('base64url')}`
    this.#tokens.set(token, new Set(permissions))
    return token
  }

  expire(token: string): void {
    this.#tokens.delete(token)
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve()
      })
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  async #answer(request: IncomingMessage): Promise<[status: number, body: object]> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      const instead = this.instead(/\w+$/.exec(request.url ?? '')?.[0] ?? '')
      if (instead !== undefined) return [instead.httpStatus, instead.body]
      return [200, this.#answered(request, Buffer.concat(chunks))]
    } catch (error) {
      if (error instanceof Refusal) return [error.httpStatus, error.body]
      throw error
    }
  }

  #answered(request: IncomingMessage, body: Buffer): Body {
    const [, name = '', action = ''] = KEY_PATH.exec(request.url ?? '') ?? []
    if (request.method !== 'POST' || (action !== 'encrypt' && action !== 'decrypt'))
      throw new Refusal(404, 'NOT_FOUND', 'The requested URL was not found.')
    const { authorization, 'content-type': type, 'content-length': length } = request.headers
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? ''
    const permissions = this.#tokens.get(token)
    if (permissions === undefined)
      throw new Refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.')
    if (type !== 'application/json' || Number(length) !== body.length) throw invalidArgument('Not JSON.')
    if (!permissions.has(action)) {
      const permission = `cloudkms.cryptoKeyVersions.useTo${action === 'encrypt' ? 'Encrypt' : 'Decrypt'}`
      throw new Refusal(
        403,
        'PERMISSION_DENIED',
        `Permission '${permission}' denied on resource '${name}' (or it may not exist).`,
      )
    }
    const key = this.#keys.get(name)
    if (key === undefined) throw new Refusal(404, 'NOT_FOUND', `CryptoKey ${name} not found.`)
    const text = body.toString()
    const answer = action === 'encrypt' ? encrypt(key, new Fields(text)) : decrypt(key, new Fields(text))
    this.calls.push({ action, key: name, token, body: JSON.parse(text) as Body })
    return this.alter(answer)
  }
}

function encrypt(key: CryptoKey, fields: Fields): Body {
  const plaintext = fields.bytes('plaintext', 'plaintext')
  const aad = fields.bytes('additionalAuthenticatedData', 'additional_authenticated_data')
  fields.end()
  if (plaintext.bytes.length === 0) throw invalidArgument('plaintext must not be empty.')
  if (plaintext.bytes.length > MAX_BYTES || aad.bytes.length > MAX_BYTES)
    throw invalidArgument('A field has more than 65536 bytes.')
  if (key.protectionLevel === 'HSM' && plaintext.bytes.length + aad.bytes.length > MAX_HSM_BYTES)
    throw invalidArgument('plaintext and additional_authenticated_data have more than 8192 bytes.')
  const { version, ciphertext } = key.encrypt(plaintext.bytes, aad.bytes)
  return {
    name: version,
    ciphertext: ciphertext.toString('base64'),
    ciphertextCrc32c: checksumOf(ciphertext),
    // JSON leaves out what is false.
    ...(plaintext.verified ? { verifiedPlaintextCrc32c: true } : {}),
    ...(aad.verified ? { verifiedAdditionalAuthenticatedDataCrc32c: true } : {}),
    protectionLevel: key.protectionLevel,
  }
}

function decrypt(key: CryptoKey, fields: Fields): Body {
  const ciphertext = fields.bytes('ciphertext', 'ciphertext')
  const aad = fields.bytes('additionalAuthenticatedData', 'additional_authenticated_data')
  fields.end()
  const { plaintext, usedPrimary } = key.decrypt(ciphertext.bytes, aad.bytes)
  return {
    ...(plaintext.length === 0 ? {} : { plaintext: plaintext.toString('base64') }),
    plaintextCrc32c: checksumOf(plaintext),
    ...(usedPrimary ? { usedPrimary } : {}),
    protectionLevel: key.protectionLevel,
  }
}
