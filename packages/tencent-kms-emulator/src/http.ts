import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'

import type { Answer } from './action.js'
import type { Calls, OpenCall } from './calls.js'
import type { Damage, Faults } from './faults.js'
import { header, type Service } from './service.js'
import { transmit } from './transmit.js'

/** "At most 10 MB for POST with Signature v3." */
const MAX_BODY_BYTES = 10 * 2 ** 20

interface Parts {
  readonly service: Service
  readonly faults: Faults
  readonly calls: Calls
  /** Unix, milliseconds. */
  readonly clock: () => number
  /** Ends waits. */
  readonly closing: AbortSignal
}

/**
 * As long as load balancers keep an idle connection. With the 5 s of Node.js, a busy client often sends a request on a
 * connection that is being closed, and gets ECONNRESET.
 */
const KEEP_ALIVE_MS = 75_000

export function createEmulatorServer(parts: Parts): Server {
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    // Only the connection can fail here, and the caller notices that.
    serve(request, response, parts).catch(() => response.destroy())
  })
}

async function serve(request: IncomingMessage, response: ServerResponse, parts: Parts): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => {
    gone.abort()
  })
  const call = openCall(request, parts.clock())
  const body = await bodyOf(request)
  const { latencyMs, damage } = parts.faults.take(call.action)
  const answer = answerTo({ request, body, call, damage }, parts.service)
  if (damage !== undefined) call.fault = damage.kind
  // Before the answer is sent: a caller that has received it may look at the calls.
  parts.calls.add(call)
  if (latencyMs > 0) {
    await setTimeout(latencyMs, undefined, { signal: AbortSignal.any([gone.signal, parts.closing]) })
  }
  // The rest of a body that is too large stays unread.
  if (body === undefined) response.setHeader('connection', 'close')
  transmit(response, { ...answer, RequestId: call.requestId }, damage)
}

function answerTo(
  asked: {
    readonly request: IncomingMessage
    readonly body: Buffer | undefined
    readonly call: OpenCall
    readonly damage: Damage | undefined
  },
  service: Service,
): Answer {
  const { request, body, call, damage } = asked
  if (damage?.kind === 'error') return refused(call, damage.code, damage.message ?? 'Injected.')
  if (damage?.kind === 'http') return {}
  if (body === undefined) return refused(call, 'RequestSizeLimitExceeded', 'The request is too large.')
  return service.answer({ method: request.method ?? '', headers: request.headers, body }, call)
}

function refused(call: OpenCall, code: string, message: string): Answer {
  call.code = code
  return { Error: { Code: code, Message: message } }
}

function openCall({ headers }: IncomingMessage, at: number): OpenCall {
  const call: OpenCall = { at, requestId: randomUUID() }
  const action = header(headers, 'X-TC-Action')
  const region = header(headers, 'X-TC-Region')
  const secretId = /Credential=([^/\s,]{1,128})\//.exec(headers.authorization ?? '')?.[1]
  if (action !== undefined) call.action = action
  if (region !== undefined) call.region = region
  if (secretId !== undefined) call.secretId = secretId
  return call
}

/** `undefined` if it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
