import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Pipe } from './toxic-pipe.js'

/** What a network does to the bytes that go through it. Without members it only carries them. */
export interface Toxic {
  /** How much later bytes arrive, in each direction. */
  readonly delayMs?: number
  /** How many bytes a second arrive, in each direction of each connection. */
  readonly bytesPerSecond?: number
  /**
   * Bytes that vanish: what clients send, or what the server answers. A connection that lost bytes stays silent in that
   * direction until it closes, as after a firewall forgot it.
   */
  readonly swallow?: 'requests' | 'answers'
  /** Whether new connections are reset. */
  readonly refuses?: boolean
}

/** One client's connection, and its continuation to the server. */
interface Line {
  readonly client: Socket
  readonly server: Socket
}

/** A TCP proxy on 127.0.0.1 that can be made to fail as networks do. */
export class ToxicProxy {
  readonly #server: Server
  readonly #lines = new Set<Line>()
  #toxic: Toxic = {}

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on `port`, and carries connections to `targetPort` of the same host. */
  static async listen(port: number, targetPort: number): Promise<ToxicProxy> {
    const server = createServer({ allowHalfOpen: true })
    const proxy = new ToxicProxy(server)
    server.on('connection', (client) => {
      proxy.#accept(client, targetPort)
    })
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#lines.size
  }

  /** What the network does from now on, to old connections too. */
  become(toxic: Toxic): void {
    this.#toxic = toxic
  }

  /** Ends all connections, wherever they are in a request or an answer. */
  cut(): void {
    for (const { client, server } of this.#lines) {
      client.destroy()
      server.destroy()
    }
  }

  /** Resets all connections (RST). */
  reset(): void {
    for (const { client, server } of this.#lines) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    this.cut()
    await closed
  }

  #accept(client: Socket, targetPort: number): void {
    if (this.#toxic.refuses === true) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const server = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true, noDelay: true })
    client.setNoDelay(true)
    const line = { client, server }
    this.#lines.add(line)
    // An error is followed by `close`, and each end takes the other with it.
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        other.destroy()
        this.#lines.delete(line)
      })
    }
    new Pipe(client, server, () => ({ ...this.#toxic, vanish: this.#toxic.swallow === 'requests' }))
    new Pipe(server, client, () => ({ ...this.#toxic, vanish: this.#toxic.swallow === 'answers' }))
  }
}
