import { randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { rsaPairs } from './rsa-pairs.js'
import { keyNotFound, VaultKey, type KeyType, type Operation } from './vault-key.js'
import { badParameter, parameters, Refusal } from './wire.js'

type Body = Readonly<Record<string, unknown>>
interface Answer {
  readonly httpStatus: number
  readonly body: object
  readonly headers: Readonly<Record<string, string>>
}

export interface AzureCall {
  readonly operation: Operation
  readonly key: string
  /** As in the URL: undefined for the current one. */
  readonly version: string | undefined
  readonly token: string
  readonly body: Body | undefined
}

const PATH =
  /^\/keys\/([A-Za-z0-9-]{1,127})(?:\/([0-9a-f]{32}))?(?:\/(unwrapkey|encrypt|decrypt))?\?api-version=7\.4$/
/** Of another tenant: a client must not go there. */
const CHALLENGE =
  'Bearer authorization="https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000", resource="https://vault.azure.net"'

/**
 * Keys of a vault or a Managed HSM, on loopback: `GET` of a key, `unwrapkey`, `encrypt` and `decrypt`. Written after the
 * REST reference, and stricter than the service: it refuses what a correct client never sends. It knows no roles and no
 * quotas.
 */
export class AzureEmulator {
  /** The calls that were answered, in order. */
  readonly calls: AzureCall[] = []
  /** Changes answers on their way. */
  alter: (answer: Body, operation: Operation) => Body = (answer) => answer
  /** Answers a request instead of the emulator, if it returns something. */
  instead: (operation: Operation) => Partial<Answer> | undefined = () => undefined
  readonly #pairs = rsaPairs()
  readonly #keys = new Map<string, VaultKey>()
  readonly #tokens = new Map<string, ReadonlySet<Operation>>()
  readonly #sockets = new Set<Socket>()
  // Longer than a client keeps a connection: a request on one that is being closed fails.
  readonly #server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    this.#answer(request).then(
      ({ httpStatus, body, headers }) => {
        response.writeHead(httpStatus, {
          'content-type': 'application/json; charset=utf-8',
          'x-ms-request-id': randomUUID(),
          ...headers,
        })
        response.end(JSON.stringify(body))
      },
      () => request.destroy(),
    )
  })

  static async start(): Promise<AzureEmulator> {
    const emulator = new AzureEmulator()
    emulator.#server.on('connection', (socket) => {
      emulator.#sockets.add(socket)
      socket.on('close', () => emulator.#sockets.delete(socket))
    })
    await new Promise<void>((resolve) => emulator.#server.listen(0, '127.0.0.1', resolve))
    return emulator
  }

  get url(): string {
    return `http://${this.host}`
  }

  get host(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
  }

  createKey(name: string, type: KeyType, bits = 2048): VaultKey {
    const key = new VaultKey(name, type, () => this.#pairs(bits))
    this.#keys.set(name, key)
    return key
  }

  /** Deletes a key, which a vault keeps for a time, but answers as one that it does not have. */
  deleteKey(name: string): void {
    this.#keys.delete(name)
  }

  /** Issues an access token. */
  token(...operations: readonly Operation[]): string {
    const token = randomBytes(48).toString('base64url')
    this.#tokens.set(token, new Set(operations))
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

  async #answer(request: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      const [, name = '', version, operation = 'get'] = PATH.exec(request.url ?? '') ?? []
      const instead = this.instead(operation as Operation)
      if (instead !== undefined) return { httpStatus: 200, body: {}, headers: {}, ...instead }
      if (name === '') throw badParameter('The request URI is not valid.')
      const body = this.#answered(
        request,
        { name, version, operation: operation as Operation },
        Buffer.concat(chunks),
      )
      return { httpStatus: 200, body, headers: {} }
    } catch (error) {
      if (error instanceof Refusal) return error
      throw error
    }
  }

  #answered(
    request: IncomingMessage,
    { name, version, operation }: { name: string; version: string | undefined; operation: Operation },
    body: Buffer,
  ): Body {
    const { authorization, host = '', 'content-type': type, 'content-length': length } = request.headers
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1] ?? ''
    const operations = this.#tokens.get(token)
    if (operations === undefined)
      throw new Refusal(401, 'Unauthorized', 'AKV10000: Request is missing a Bearer or PoP token.', {
        headers: { 'www-authenticate': CHALLENGE },
      })
    if (request.method !== (operation === 'get' ? 'GET' : 'POST'))
      throw new Refusal(405, 'MethodNotAllowed', 'The method is not allowed.')
    if (!operations.has(operation))
      throw new Refusal(403, 'Forbidden', 'Caller is not authorized to perform action on resource.', {
        inner: 'ForbiddenByRbac',
      })
    const key = this.#keys.get(name)
    if (key === undefined) throw keyNotFound(name)
    const used = key.version(version)
    const kid = `http://${host}/keys/${name}/${used.name}`
    let sent: Body | undefined
    let answer: Body
    if (operation === 'get') {
      if (body.length > 0) throw badParameter('The request has a body.')
      answer = { ...key.bundle(used, kid) }
    } else {
      if (type !== 'application/json' || Number(length) !== body.length) throw badParameter('Not JSON.')
      const text = body.toString()
      answer = { kid, ...key.operate(operation, used, parameters(text)) }
      sent = JSON.parse(text) as Body
    }
    this.calls.push({ operation, key: name, version, token, body: sent })
    return this.alter(answer, operation)
  }
}
