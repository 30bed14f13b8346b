/**
 * Agents that connect only to the configured endpoints. The SDK's HTTP client follows redirects, and would send a DEK
 * to any host that an answer names, with or without a proxy in between.
 */
import { Agent as HttpAgent, request as requestHttp, type ClientRequest } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.js'

/** The message of an agent that refuses a redirect. */
export const REDIRECTED = 'a redirect to another host was refused'

const PROXY_ANSWERED = 'the proxy answered with HTTP status'

/** The status with which the proxy refused a tunnel, from the text of an error: the SDK keeps only the text. */
export function proxyStatusIn(text: string): number | undefined {
  const status = new RegExp(`${PROXY_ANSWERED} (\\d{3})$`).exec(text)?.[1]
  return status === undefined ? undefined : Number(status)
}

interface AgentOptions {
  /** As in a URL: host, and the port if it is not the default one. Read at each connection. */
  readonly hosts: ReadonlySet<string>
  readonly maxSockets: number
}

type Connect = NonNullable<HttpAgent['createConnection']>
type Connected = Parameters<Connect>[1]

export function httpAgent({ hosts, maxSockets }: AgentOptions): HttpAgent {
  return guarded(new HttpAgent({ keepAlive: true, maxSockets }), hosts, 80)
}

export function httpsAgent({ hosts, maxSockets }: AgentOptions): HttpsAgent {
  return guarded(new HttpsAgent({ keepAlive: true, maxSockets }), hosts, 443)
}

interface TunnelOptions extends AgentOptions {
  readonly proxy: string
  readonly timeoutMs: number
  readonly clock: Clock
}

/** Through an HTTP proxy: TLS to the endpoint inside a tunnel (CONNECT, RFC 9110, 9.3.6), so the proxy sees no DEK. */
export function tunnelAgent(options: TunnelOptions): HttpsAgent {
  return guarded(new TunnelAgent(options), options.hosts, 443)
}

function guarded<A extends HttpAgent>(agent: A, hosts: ReadonlySet<string>, usualPort: number): A {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const { host, port } = target(options)
    if (!hosts.has(port === usualPort ? host : `${host}:${String(port)}`)) throw new Error(REDIRECTED)
    return connect(options, callback)
  }
  return agent
}

interface Target {
  readonly host: string
  readonly port: number
}

/** The target of a connection, as a URL writes it. */
function target(options: Parameters<Connect>[0]): Target {
  const { host, port } = options as { readonly host?: string; readonly port?: number | string }
  const name = String(host)
  return { host: name.includes(':') && !name.startsWith('[') ? `[${name}]` : name, port: Number(port) }
}

class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #asking = new Set<ClientRequest>()

  constructor({ maxSockets, proxy, timeoutMs, clock }: TunnelOptions) {
    super({ keepAlive: true, maxSockets })
    this.#proxy = new URL(proxy)
    this.#timeoutMs = timeoutMs
    this.#clock = clock
  }

  override createConnection(options: Parameters<Connect>[0], callback: Connected): undefined {
    this.#tunnel(target(options)).then(
      (socket) => {
        // TLS over the socket: as without a proxy, with the name of the endpoint in its certificate.
        callback?.(null, super.createConnection({ ...options, socket } as typeof options) as TLSSocket)
      },
      (error: unknown) => {
        ;(callback as (error: unknown) => void)(error)
      },
    )
  }

  override destroy(): void {
    for (const request of this.#asking) request.destroy()
    super.destroy()
  }

  #tunnel({ host, port }: Target): Promise<Socket> {
    const authority = `${host}:${String(port)}`
    const { protocol, hostname, port: proxyPort } = this.#proxy
    const connect = protocol === 'https:' ? requestHttps : requestHttp
    return new Promise((resolve, reject) => {
      const request = connect({
        method: 'CONNECT',
        path: authority,
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port: proxyPort,
        headers: { host: authority, ...this.#authorization() },
        agent: false,
      })
      this.#asking.add(request)
      const cancelTimer = this.#clock.timeout(() => {
        request.destroy(new Error('network timeout'))
      }, this.#timeoutMs)
      request.once('close', () => {
        cancelTimer()
        this.#asking.delete(request)
      })
      request.once('error', reject)
      request.once('connect', ({ statusCode }, socket: Socket) => {
        if (statusCode !== undefined && statusCode >= 200 && statusCode < 300) {
          resolve(socket)
          return
        }
        socket.destroy()
        reject(new Error(`${PROXY_ANSWERED} ${String(statusCode)}`))
      })
      request.end()
    })
  }

  #authorization(): { 'proxy-authorization'?: string } {
    const { username, password } = this.#proxy
    if (username === '' && password === '') return {}
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
  }
}
