import { once } from 'node:events'
import { Agent, createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { isEnvelopeError } from '../../src/errors.js'
import { JsonService, whyNoBaseUrl, type JsonRequest } from '../../src/kms/json-service.js'
import { CERTIFICATE, CERTIFICATE_KEY } from './certificate.js'

const SECRET = 'c2VjcmV0LWtleS1ieXRlcw=='
const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function serving(listener: RequestListener, tls = false): Promise<URL> {
  const server: Server = tls
    ? createHttpsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, listener)
    : createHttpServer(listener)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  open.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`${tls ? 'https' : 'http'}://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
}

function serviceAt(
  baseUrl: URL,
  options: { readonly ca?: string; readonly requestTimeoutMs?: number } = {},
): JsonService {
  const service = new JsonService({
    name: 'Service',
    baseUrl,
    requestTimeoutMs: 2000,
    clock: systemClock,
    ...options,
  })
  open.push(() => {
    service.close()
  })
  return service
}

const WRAP: JsonRequest = {
  action: 'encrypt',
  cmkId: 'orders',
  method: 'POST',
  path: '/encrypt',
  body: { dek: SECRET },
}
const { signal } = new AbortController()

/** The code and the text of the error that a request rejects with. */
async function failure(request: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isEnvelopeError(error)) throw new Error('not an EnvelopeError', { cause: error })
  expect(`${error.message}\n${String(error.stack)}`).not.toContain(SECRET)
  return { code: error.code, message: error.message }
}

describe('a JSON service', () => {
  it('a JSON service gets the request as it is, and its answer is returned, whatever the status', async () => {
    const url = await serving((request, answer) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method, url: path, headers } = request
        const body = Buffer.concat(chunks).toString()
        answer
          .writeHead(418, { 'x-id': '7' })
          .end(JSON.stringify({ method, path, token: headers['x-token'], body }))
      })
    })
    const path = '/v1/a%2Fb/../c?version=7.4'
    const got = await serviceAt(new URL('/prefix/', url)).request(
      { ...WRAP, path, headers: { 'x-token': 't' } },
      signal,
    )
    expect(got.status).toBe(418)
    expect(got.headers['x-id']).toBe('7')
    expect(got.body).toEqual({
      method: 'POST',
      path: `/prefix${path}`,
      token: 't',
      body: JSON.stringify(WRAP.body),
    })
  })

  it('a request and its answer may have empty bodies', async () => {
    const url = await serving((request, answer) => {
      expect(request.headers['content-type']).toBeUndefined()
      answer.writeHead(204).end()
    })
    const got = await serviceAt(url).request({ action: 'read', method: 'GET', path: '/' }, signal)
    expect([got.status, got.body]).toEqual([204, undefined])
  })

  it.each([
    [200, 'KMS_RESPONSE_INVALID'],
    [403, 'KMS_RESPONSE_INVALID'],
    [408, 'KMS_UNAVAILABLE'],
    [429, 'KMS_THROTTLED'],
    [500, 'KMS_UNAVAILABLE'],
    [503, 'KMS_UNAVAILABLE'],
  ])('an answer of %i that is not JSON is %s, and its text is not repeated', async (status, code) => {
    const url = await serving((_, answer) => answer.writeHead(status).end(`<p>${SECRET}`))
    const found = await failure(serviceAt(url).request(WRAP, signal))
    expect(found.code).toBe(code)
    expect(found.message).toContain(
      `Service: encrypt under CMK orders was answered with HTTP status ${String(status)}, and not in JSON.`,
    )
  })

  it('a redirect is refused, and the host that it names gets nothing', async () => {
    let seen = 0
    const other = await serving((_, answer) => {
      seen++
      answer.end('{}')
    })
    const url = await serving((_, answer) => answer.writeHead(307, { location: other.href }).end('{}'))
    expect((await failure(serviceAt(url).request(WRAP, signal))).code).toBe('KMS_RESPONSE_INVALID')
    expect(seen).toBe(0)
  })

  it('a path cannot name another host', async () => {
    const url = await serving((request, answer) => answer.end(JSON.stringify(request.url)))
    const got = await serviceAt(url).request({ ...WRAP, path: '//example.com/encrypt' }, signal)
    expect(got.body).toBe('//example.com/encrypt')
  })

  it('an answer that does not end is cut off', async () => {
    const url = await serving((_, answer) => {
      const more = (): void => {
        if (answer.write('x'.repeat(10_000))) setImmediate(more)
        else answer.once('drain', more)
      }
      more()
    })
    const { code, message } = await failure(serviceAt(url).request(WRAP, signal))
    expect(code).toBe('KMS_RESPONSE_INVALID')
    expect(message).toContain('more than 65536 bytes')
  })

  it('a time-out, a signal and close() end a request', async () => {
    const url = await serving(() => undefined)
    const late = await failure(serviceAt(url, { requestTimeoutMs: 50 }).request(WRAP, signal))
    expect(late.code).toBe('KMS_TIMEOUT')
    expect(late.message).toContain('Service: encrypt under CMK orders got no answer within 50 ms.')
    const controller = new AbortController()
    const cancelled = failure(serviceAt(url).request(WRAP, controller.signal))
    controller.abort()
    expect((await cancelled).code).toBe('KMS_TIMEOUT')
    const service = serviceAt(url)
    const closed = failure(service.request(WRAP, signal))
    service.close()
    expect((await closed).code).toBe('ENCRYPTION_CLOSED')
    expect((await failure(service.request(WRAP, signal))).code).toBe('ENCRYPTION_CLOSED')
  })

  it('a connection that fails says how', async () => {
    const refused = serviceAt(new URL('http://127.0.0.1:9'))
    expect((await failure(refused.request(WRAP, signal))).message).toContain('(ECONNREFUSED)')
    const url = await serving((_, answer) => answer.socket?.resetAndDestroy())
    expect((await failure(serviceAt(url).request(WRAP, signal))).message).toContain('(ECONNRESET)')
  })

  it('an agent for another protocol is a failure of the connection', async () => {
    const service = new JsonService({
      name: 'Service',
      baseUrl: new URL('https://127.0.0.1:9'),
      requestTimeoutMs: 2000,
      clock: systemClock,
      agent: new Agent(),
    })
    const { code, message } = await failure(service.request(WRAP, signal))
    expect(code).toBe('KMS_UNAVAILABLE')
    expect(message).toContain('(ERR_INVALID_PROTOCOL)')
  })

  it('a certificate must be trusted, by Node.js or by `ca`', async () => {
    const url = await serving((_, answer) => answer.end('{}'), true)
    const { code, message } = await failure(serviceAt(url).request(WRAP, signal))
    expect(code).toBe('KMS_UNAVAILABLE')
    expect(message).toContain('(DEPTH_ZERO_SELF_SIGNED_CERT)')
    expect((await serviceAt(url, { ca: CERTIFICATE }).request(WRAP, signal)).status).toBe(200)
  })
})

describe('a base URL', () => {
  it.each([
    'https://kms.example.com',
    'https://kms.example.com:8443/vault',
    'http://127.0.0.1:8200',
    'http://[::1]:8200',
  ])('%s is accepted', (text) => {
    expect(whyNoBaseUrl(text)).toBeUndefined()
  })

  it.each([
    ['kms.example.com', 'expected a URL'],
    ['ftp://kms.example.com', 'expected a URL'],
    ['http://kms.example.com', 'expected https'],
    ['http://127.0.0.1.example.com', 'expected https'],
    ['https://me:secret@kms.example.com', 'without a user'],
    ['https://kms.example.com/?a=b', 'without a user'],
    ['https://kms.example.com/#a', 'without a user'],
    ['https://kms.example.com?', 'without a user'],
  ])('%s is refused', (text, why) => {
    expect(whyNoBaseUrl(text)).toContain(why)
  })
})
