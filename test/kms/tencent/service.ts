import { constants, generateKeyPairSync, privateDecrypt, randomBytes, randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'

/** A call as received. */
export interface Asked {
  readonly action: string
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

/** Writes a response, or does anything else that a server can do. */
export type Reply = (response: ServerResponse, request: IncomingMessage) => void

/** A server that records its calls, and answers as a test says. It checks no signature. */
export interface Service {
  readonly url: string
  readonly asked: Asked[]
  answer: (asked: Asked) => Reply
  /** Connections that were ever made. */
  readonly connections: () => number
  /** Those that are open. */
  readonly open: () => number
  /** Options with which the real SDK talks to it. */
  readonly options: TencentKmsOptions
  close(): Promise<void>
}

/** Of callers who wait for ever, many at a time. */
export const signal: AbortSignal = new AbortController().signal
setMaxListeners(0, signal)

export const SECRET = { secretId: 'AKIDexampleexample', secretKey: 'SKexampleexampleexample' } as const
export const REQUEST_ID = '0f1e2d3c-0000-4000-8000-123456789abc'

export async function startService(answer: (asked: Asked) => Reply): Promise<Service> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const call: Asked = {
        action: String(request.headers['x-tc-action']),
        params: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>,
        headers: request.headers,
      }
      asked.push(call)
      service.answer(call)(response, request)
    })
  })
  server.on('connection', (socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const service: Service = {
    url,
    asked,
    answer,
    connections: () => connections,
    open: () => sockets.size,
    options: { credentials: SECRET, endpoint: url, requestTimeout: 2000 },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
        for (const socket of sockets) socket.destroy()
      }),
  }
  return service
}

export function ok(members: Readonly<Record<string, unknown>>): Reply {
  return json({ Response: { ...members, RequestId: REQUEST_ID } })
}

/** An error as the vendor answers it: with status 200. The message quotes everything it can. */
export function failed(code: string, message = 'as the vendor says'): Reply {
  return json({ Response: { Error: { Code: code, Message: message }, RequestId: REQUEST_ID } })
}

export function json(body: unknown): Reply {
  return raw(200, JSON.stringify(body), 'application/json')
}

export function raw(status: number, body: string, type = 'text/html'): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': type }).end(body)
  }
}

export const nothing: Reply = () => undefined
export const reset: Reply = (_, request) => {
  request.socket.resetAndDestroy()
}

/** Symmetric CMKs as the vendor documents them, in memory. */
export function symmetricCmks(): (asked: Asked) => Reply {
  const blobs = new Map<string, { keyId: string; context: string | undefined; plaintext: string }>()
  const keep = (keyId: string, context: string | undefined, plaintext: string): string => {
    const part = (bytes: number): string => randomBytes(bytes).toString('base64')
    const blob = `${part(48)}-k-${part(48)}-k-${part(60)}`
    blobs.set(blob, { keyId, context, plaintext })
    return blob
  }
  return ({ action, params }) => {
    const { KeyId = '', EncryptionContext: context } = params
    if (action === 'GenerateDataKey') {
      const plaintext = randomBytes(32).toString('base64')
      return ok({ KeyId, Plaintext: plaintext, CiphertextBlob: keep(KeyId, context, plaintext) })
    }
    if (action === 'Encrypt') {
      return ok({ KeyId, CiphertextBlob: keep(KeyId, context, params['Plaintext'] ?? '') })
    }
    if (action !== 'Decrypt') return failed('InvalidParameter')
    const found = blobs.get(params['CiphertextBlob'] ?? '')
    return found === undefined || found.context !== context
      ? failed('InvalidParameterValue.InvalidCiphertext')
      : ok({ KeyId: found.keyId, Plaintext: found.plaintext })
  }
}

export const KEY_ID = randomUUID()
export const CMK = `ap-guangzhou/${KEY_ID}`

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
/** Of {@link rsaCmk}. */
export const PEM: string = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()

/** Its `PublicKey`, as the vendor has it. */
export const PUBLIC_KEY: string = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

/**
 * An RSA CMK as the vendor documents it: for `PublicKeyPem` its tutorial shows a PEM, and its reference shows base64 of
 * base64, as here.
 */
export function rsaCmk({ action, params }: Asked): Reply {
  const { KeyId, Ciphertext = '', Algorithm } = params
  if (action === 'GetPublicKey') {
    const PublicKeyPem = Buffer.from(PUBLIC_KEY).toString('base64')
    return ok({ KeyId, PublicKey: PUBLIC_KEY, PublicKeyPem })
  }
  if (action !== 'AsymmetricRsaDecrypt' || Algorithm !== 'RSAES_OAEP_SHA_256')
    return failed('InvalidParameter')
  const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  try {
    const plain = privateDecrypt({ key: pair.privateKey, ...padding }, Buffer.from(Ciphertext, 'base64'))
    return ok({ KeyId, Plaintext: plain.toString('base64') })
  } catch {
    return failed('FailedOperation.DecryptError')
  }
}

/** A service for each test of a file, and clients that are closed after it. */
export interface ServiceForTests {
  readonly service: Service
  /** A client over the real SDK. */
  kms(options?: Partial<TencentKmsOptions>): Kms
  /** To be closed too. */
  keep(kms: Kms): Kms
  /** The calls to the service so far. */
  actions(): string[]
}

export function serviceForTests(answer: () => (asked: Asked) => Reply = symmetricCmks): ServiceForTests {
  const made: Kms[] = []
  let service: Service | undefined
  const current = (): Service => {
    if (service === undefined) throw new Error('only inside a test')
    return service
  }
  beforeEach(async () => {
    service = await startService(answer())
  })
  afterEach(async () => {
    for (const each of made.splice(0)) await each.close?.()
    await current().close()
  })
  const keep = (kms: Kms): Kms => {
    made.push(kms)
    return kms
  }
  return {
    get service() {
      return current()
    },
    kms: (options = {}) => keep(tencentKms({ ...current().options, ...options })),
    keep,
    actions: () => current().asked.map(({ action }) => action),
  }
}
