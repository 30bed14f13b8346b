import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEncryption } from '../../../src/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import { sealRecords } from '../../../src/record/index.js'
import { thrownBy } from '../../support/emissions.js'
import { CERTIFICATE, CERTIFICATE_KEY } from '../certificate.js'
import { CMK, KEY_ID, SECRET } from './service.js'

const call = { cmkId: CMK, context: {}, signal: new AbortController().signal }
const DEK = Buffer.alloc(32, 7)

const servers: Server[] = []
const sockets = new Set<Socket>()
const kmses: Kms[] = []
/** Requests and bytes that reached a host that the configuration does not name. */
const leaked: string[] = []
beforeEach(() => {
  leaked.length = 0
})
afterEach(async () => {
  for (const kms of kmses.splice(0)) await kms.close?.()
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  vi.unstubAllEnvs()
})

async function listening(server: Server, host = '127.0.0.1'): Promise<string> {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return `${host.includes(':') ? `[${host}]` : host}:${String((server.address() as AddressInfo).port)}`
}

const tls = { key: CERTIFICATE_KEY, cert: CERTIFICATE }
const leak: Parameters<typeof createServer>[1] = (request, response) => {
  leaked.push(request.url ?? '')
  response.end('{}')
}
const answer: Parameters<typeof createServer>[1] = (_, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ Response: { KeyId: KEY_ID, CiphertextBlob: 'a-k-b-k-c', RequestId: 'r' } }))
}
const redirect = (status: number, location: string): Parameters<typeof createServer>[1] => {
  return (_, response) => {
    response.writeHead(status, { location }).end()
  }
}

interface Proxy {
  readonly url: string
  /** The targets that it was asked to connect to, and the callers. */
  readonly asked: { readonly to: string | undefined; readonly by: string | undefined }[]
}

/** An HTTP proxy that connects to any target, or answers with `status`. */
async function startProxy(status = 200): Promise<Proxy> {
  const asked: { to: string | undefined; by: string | undefined }[] = []
  const server = createServer((request, response) => {
    leaked.push(`in the clear: ${request.url ?? ''}`)
    response.end()
  })
  server.on('connect', (request, socket: Socket) => {
    sockets.add(socket)
    asked.push({ to: request.url, by: request.headers['proxy-authorization'] })
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${String(status)} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const { hostname, port } = new URL(`http://${request.url ?? ''}`)
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    sockets.add(upstream)
    for (const each of [upstream, socket]) each.on('error', () => undefined)
  })
  return { url: `http://${await listening(server)}`, asked }
}

function kmsOf(options: TencentKmsOptions): Kms {
  const kms = tencentKms({ credentials: SECRET, requestTimeout: 5000, ...options })
  kmses.push(kms)
  return kms
}

const wrap = (kms: Kms): Promise<Uint8Array> => kms.wrapDek({ ...call, dek: DEK })
/** These tests check where calls go; another test shows that certificates are checked. */
const trustAnyCertificate = (): void => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
}

describe('a redirect is not followed to another host, since the request has a DEK in it,', () => {
  it.each([301, 302, 303, 307, 308])(
    'a redirect by status %i is not followed to another host, since the request has a DEK in it',
    async (status) => {
      const elsewhere = await listening(createServer(leak), '127.0.0.2')
      const endpoint = await listening(createServer(redirect(status, `http://${elsewhere}/`)))
      const error = await thrownBy(() => wrap(kmsOf({ endpoint: `http://${endpoint}` })))
      expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE', kind: 'transient' })
      expect(String(error)).toContain('a redirect to another host was refused')
      expect(leaked).toEqual([])
    },
  )

  it('a redirect is not followed to another port of the same host', async () => {
    const elsewhere = await listening(createServer(leak))
    const endpoint = await listening(createServer(redirect(307, `http://${elsewhere}/`)))
    expect(await thrownBy(() => wrap(kmsOf({ endpoint: `http://${endpoint}` })))).toMatchObject({
      code: 'KMS_UNAVAILABLE',
    })
    expect(leaked).toEqual([])
  })

  it('a redirect is not followed from TLS to plain HTTP, nor to TLS elsewhere', async () => {
    trustAnyCertificate()
    const targets = [
      `http://${await listening(createServer(leak))}/`,
      `https://${await listening(createTlsServer(tls, leak))}/`,
    ]
    for (const target of targets) {
      const endpoint = await listening(createTlsServer(tls, redirect(307, target)))
      expect(await thrownBy(() => wrap(kmsOf({ endpoint: `https://${endpoint}` })))).toMatchObject({
        code: 'KMS_UNAVAILABLE',
      })
    }
    expect(leaked).toEqual([])
  })

  it('a redirect is not followed through a proxy, which is not even asked to go there', async () => {
    trustAnyCertificate()
    const elsewhere = await listening(createTlsServer(tls, leak))
    const plain = await listening(createServer(leak))
    for (const target of [`https://${elsewhere}/`, `http://${plain}/`]) {
      const proxy = await startProxy()
      const endpoint = await listening(createTlsServer(tls, redirect(307, target)))
      expect(
        await thrownBy(() => wrap(kmsOf({ endpoint: `https://${endpoint}`, proxy: proxy.url }))),
      ).toMatchObject({ code: 'KMS_UNAVAILABLE' })
      expect(proxy.asked.map(({ to }) => to)).toEqual([endpoint])
    }
    expect(leaked).toEqual([])
  })
})

it('proxies in the environment are ignored', async () => {
  const proxy = await startProxy()
  for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) {
    vi.stubEnv(name, proxy.url)
  }
  const endpoint = await listening(createServer(answer))
  await wrap(kmsOf({ endpoint: `http://${endpoint}` }))
  trustAnyCertificate()
  const secure = await listening(createTlsServer(tls, answer))
  await wrap(kmsOf({ endpoint: `https://${secure}` }))
  expect(proxy.asked).toEqual([])
  expect(leaked).toEqual([])
})

it('an endpoint may be an IPv6 address', async () => {
  const endpoint = await listening(createServer(answer), '::1')
  expect(await wrap(kmsOf({ endpoint: `http://${endpoint}` }))).toHaveLength(9)
})

describe('a proxy', () => {
  it('a proxy gets user and password, and forwards TLS that it cannot read; a connection serves several calls', async () => {
    trustAnyCertificate()
    const proxy = await startProxy()
    const endpoint = await listening(createTlsServer(tls, answer))
    const kms = kmsOf({
      endpoint: `https://${endpoint}`,
      proxy: proxy.url.replace('http://', 'http://us%40er:pass%3Aword@'),
    })
    await wrap(kms)
    await wrap(kms)
    const by = `Basic ${Buffer.from('us@er:pass:word').toString('base64')}`
    expect(proxy.asked).toEqual([{ to: endpoint, by }])
  })

  it('a proxy may itself use TLS', async () => {
    trustAnyCertificate()
    const inner = await startProxy()
    const outer = createTlsServer(tls)
    outer.on('connect', (request, socket: Socket) => {
      sockets.add(socket)
      const { hostname, port } = new URL(inner.url)
      const upstream = connect(Number(port), hostname, () => {
        upstream.write(`CONNECT ${request.url ?? ''} HTTP/1.1\r\nhost: ${request.url ?? ''}\r\n\r\n`)
        upstream.pipe(socket).pipe(upstream)
      })
      sockets.add(upstream)
    })
    const proxy = `https://${await listening(outer)}`
    const endpoint = await listening(createTlsServer(tls, answer))
    expect(await wrap(kmsOf({ endpoint: `https://${endpoint}`, proxy }))).toHaveLength(9)
  })

  it('the certificate of the endpoint is checked through a proxy too', async () => {
    const proxy = await startProxy()
    const endpoint = await listening(createTlsServer(tls, answer))
    const error = await thrownBy(() => wrap(kmsOf({ endpoint: `https://${endpoint}`, proxy: proxy.url })))
    expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(String(error)).toContain('self-signed certificate')
  })

  it.each([
    [407, 'Add the user name and password for the proxy to the URL in `proxy`'],
    [403, 'check that the proxy is running and lets this process connect to the KMS'],
    [502, 'check that the proxy is running and lets this process connect to the KMS'],
  ])(
    'a proxy that always answers with %i is a transient failure that names the status',
    async (status, remedy) => {
      const proxy = await startProxy(status)
      const kms = kmsOf({ endpoint: 'https://127.0.0.1:1', proxy: proxy.url })
      const encryption = await createEncryption({
        kms: { tencent: kms },
        cmks: { main: [{ kms: 'tencent', id: CMK }] },
        topics: [{ match: ['t'], encrypt: { cmk: 'main' } }],
      })
      const codes: (string | undefined)[] = []
      encryption.on('kms.call', ({ code }) => codes.push(code))
      const error = await thrownBy(() => sealRecords(encryption, [{ topic: 't', value: 'v' }]))
      expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE', kind: 'transient' })
      expect(String(error)).toContain(`the proxy answered with HTTP status ${String(status)}`)
      expect(String(error)).toContain(remedy)
      expect(proxy.asked).toHaveLength(3)
      expect(codes).toEqual(['KMS_UNAVAILABLE'])
      expect(encryption.health()).toMatchObject({
        status: 'degraded',
        sealingKeys: [{ failure: 'KMS_UNAVAILABLE' }],
      })
      await encryption.close()
    },
  )

  it('a proxy that never answers holds neither a call nor a connection', async () => {
    const gone: Promise<void>[] = []
    const silent = createServer()
    silent.on('connect', (_, socket: Socket) => {
      gone.push(new Promise((resolve) => socket.on('close', resolve)))
      socket.on('error', () => undefined).on('end', () => socket.end())
      socket.resume()
    })
    const proxy = `http://${await listening(silent)}`
    const kms = kmsOf({ endpoint: 'https://127.0.0.1:1', proxy, requestTimeout: '300ms' })
    expect(await thrownBy(() => wrap(kms))).toMatchObject({ code: 'KMS_TIMEOUT' })
    await Promise.all(gone)
    const calling = thrownBy(() => wrap(kms))
    await vi.waitFor(() => {
      expect(gone).toHaveLength(2)
    })
    await kms.close?.()
    expect(await calling).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    await Promise.all(gone)
  })

  it('a proxy that cannot be reached is KMS_UNAVAILABLE, and says so', async () => {
    const error = await thrownBy(() =>
      wrap(kmsOf({ endpoint: 'https://127.0.0.1:1', proxy: 'http://127.0.0.1:1' })),
    )
    expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(String(error)).toContain('ECONNREFUSED')
  })
})
