import { once } from 'node:events'
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What happens to a request. */
export type ProxyFault =
  /** The answer comes late. */
  | { readonly kind: 'late'; readonly ms: number }
  /** This answer comes instead, and the service does not see the request: a code of the service, or a gateway's page. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The service answers, and its body is replaced. */
  | { readonly kind: 'body'; readonly body: string }
  /** The connection ends, or is reset, after this share of the body; a share of 0 leaves out the headers too. */
  | { readonly kind: 'ends' | 'resets'; readonly after: number }
  /** Nothing more comes after this share of the body, and the connection stays open. */
  | { readonly kind: 'stalls'; readonly after: number }

interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** An HTTP proxy on loopback in front of one service, which can be made to fail. */
export interface FaultProxy {
  readonly url: string
  /** What came, in order. */
  readonly requests: readonly Received[]
  /** Lets the next requests fail. @param times how many: 1 by default, `Infinity` until `heal` */
  inject(fault: ProxyFault, times?: number): void
  /** Requests succeed again; those that stall are ended. */
  heal(): void
  close(): Promise<void>
}

/** @param target the service's address, such as `http://127.0.0.1:8200` */
export async function faultProxy(target: string): Promise<FaultProxy> {
  const requests: Received[] = []
  const stalled = new Set<Socket>()
  let pending: { readonly fault: ProxyFault; left: number } | undefined
  const take = (): ProxyFault | undefined => {
    if (pending === undefined) return undefined
    const { fault } = pending
    if (--pending.left <= 0) pending = undefined
    return fault
  }
  // Longer than a client keeps a connection: a request on one that is being closed fails.
  const server = createServer({ keepAliveTimeout: 75_000 }, (incoming, answer) => {
    void (async () => {
      const { method = '', url: path = '', headers } = incoming
      const received = { method, path, headers, body: await whole(incoming) }
      requests.push(received)
      const fault = take()
      await answerWith(answer, fault, () => forwarded(target, received))
      if (fault?.kind === 'stalls') stalled.add(incoming.socket)
    })().catch(() => incoming.socket.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const heal = (): void => {
    pending = undefined
    for (const socket of stalled) socket.destroy()
    stalled.clear()
  }
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    inject(fault, times = 1) {
      pending = { fault, left: times }
    },
    heal,
    async close() {
      const closed = once(server.close(), 'close')
      heal()
      server.closeAllConnections()
      await closed
    },
  }
}

interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

async function forwarded(target: string, { method, path, headers, body }: Received): Promise<Answered> {
  const sent = request(new URL(path, target), { method, headers, agent: false })
  const [answer] = (await once(sent.end(body), 'response')) as [IncomingMessage]
  // The whole body is passed on, with its length.
  delete answer.headers['transfer-encoding']
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await whole(answer) }
}

async function whole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function answerWith(
  answer: ServerResponse,
  fault: ProxyFault | undefined,
  forward: () => Promise<Answered>,
): Promise<void> {
  if (fault?.kind === 'late') await sleep(fault.ms)
  if (fault?.kind === 'answer') {
    answer.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body)
    return
  }
  const { status, headers, body } = await forward()
  if (fault === undefined || fault.kind === 'late') {
    answer.writeHead(status, headers).end(body)
    return
  }
  if (fault.kind === 'body') {
    answer.writeHead(status, { 'content-type': 'application/json' }).end(fault.body)
    return
  }
  if (fault.after > 0) {
    answer.writeHead(status, { ...headers, 'content-length': String(body.length) })
    const sent = body.subarray(0, Math.max(1, Math.floor(body.length * fault.after)))
    await new Promise<void>((resolve) => {
      answer.write(sent, () => {
        resolve()
      })
    })
  }
  if (fault.kind === 'ends') answer.socket?.destroy()
  if (fault.kind === 'resets') answer.socket?.resetAndDestroy()
}
