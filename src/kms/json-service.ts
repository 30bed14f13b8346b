import {
  Agent as HttpAgent,
  request as requestHttp,
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { rootCertificates } from 'node:tls'
import { withDeadline } from '../cancellation.js'
import type { Clock } from '../clock.js'
import { EnvelopeError } from '../errors.js'
import { CallLifetime } from './call-lifetime.js'
import { whyReadable } from './origin.js'

/** Answers of a KMS have a few hundred bytes. */
const MAX_BODY_BYTES = 65_536

export interface JsonServiceOptions {
  /** The service, for messages: `Vault`. */
  readonly name: string
  /** One that {@link whyNoBaseUrl} accepts. */
  readonly baseUrl: URL
  /** For one request, from the connection to the end of the answer. */
  readonly requestTimeoutMs: number
  readonly clock: Clock
  /** Certificates in PEM form that are trusted besides those of Node.js. */
  readonly ca?: string | undefined
  /** The application's own, for a proxy or client certificates. The application closes it. */
  readonly agent?: Agent | undefined
}

export interface JsonRequest {
  /** What is asked for, for messages: `decrypt`. */
  readonly action: string
  /** For messages. */
  readonly cmkId?: string
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Appended to the base URL, so with a slash in front, and encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

export interface JsonAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Undefined if the body is empty. */
  readonly body: unknown
}

/** An answer whose body may be anything. */
export interface RawAnswer {
  readonly status: number
  /** @throws EnvelopeError if the body is neither JSON nor empty, as `JsonService.request` says */
  json(): JsonAnswer
}

/**
 * An HTTPS service that takes and answers JSON. It connects only to its base URL: redirects are refused, because a DEK
 * would go to any host that an answer names, and a proxy of the environment is not used.
 *
 * Key bytes in a body pass through text, which Node.js cannot wipe.
 */
export class JsonService {
  readonly #options: JsonServiceOptions
  readonly #agent: Agent
  readonly #lifetime = new CallLifetime()

  constructor(options: JsonServiceOptions) {
    this.#options = options
    this.#agent = options.agent ?? ownAgent(options)
  }

  /**
   * Resolves for every answer whose body is JSON or empty, whatever its status.
   *
   * @throws EnvelopeError KMS_TIMEOUT; KMS_UNAVAILABLE if there is no answer, or one of 5xx or 408 that is not JSON;
   * KMS_THROTTLED for 429 that is not JSON; KMS_RESPONSE_INVALID for any other answer that is not JSON, that is too
   * long or a redirect; as `cancelled` says if the signal aborts; ENCRYPTION_CLOSED after `close()`. No message repeats
   * anything of a body.
   */
  async request(request: JsonRequest, signal: AbortSignal): Promise<JsonAnswer> {
    return (await this.send(request, signal)).json()
  }

  /**
   * Resolves for every answer but a redirect, whatever its body.
   *
   * @throws EnvelopeError as `request` does, but for what is not JSON
   */
  async send(request: JsonRequest, signal: AbortSignal): Promise<RawAnswer> {
    const { clock, requestTimeoutMs: ms } = this.#options
    const late = (): EnvelopeError =>
      new EnvelopeError('KMS_TIMEOUT', `${this.#described(request)} got no answer within ${String(ms)} ms`)
    return this.#lifetime.during(signal, (open) =>
      withDeadline((own) => this.#send(request, own), open, { clock, ms, late }),
    )
  }

  /** Ends requests in progress: each rejects with ENCRYPTION_CLOSED immediately. Closes connections. */
  close(): void {
    this.#lifetime.close()
    if (this.#options.agent === undefined) this.#agent.destroy()
  }

  async #send(request: JsonRequest, signal: AbortSignal): Promise<RawAnswer> {
    const { status, headers, text } = await this.#exchange(request, signal)
    const how = `was answered with HTTP status ${String(status)}`
    if (status >= 300 && status < 400)
      throw this.#invalid(request, `${how}, a redirect, which is not followed`)
    return {
      status,
      json: () => {
        if (text === '') return { status, headers, body: undefined }
        try {
          return { status, headers, body: JSON.parse(text) as unknown }
        } catch {
          // Its text may be anything.
          throw this.#notJson(request, status, how)
        }
      },
    }
  }

  #notJson(request: JsonRequest, status: number, how: string): EnvelopeError {
    const what = `${this.#described(request)} ${how}, and not in JSON`
    if (status === 429) return new EnvelopeError('KMS_THROTTLED', what)
    if (status >= 500 || status === 408) return new EnvelopeError('KMS_UNAVAILABLE', what)
    return this.#invalid(request, `${how}, and not in JSON`)
  }

  #exchange(
    request: JsonRequest,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
    const { baseUrl } = this.#options
    const body = request.body === undefined ? undefined : JSON.stringify(request.body)
    const open = baseUrl.protocol === 'http:' ? requestHttp : requestHttps
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        reject(this.#unanswered(request, error))
      }
      const options = {
        hostname: baseUrl.hostname.replace(/^\[|\]$/g, ''),
        port: baseUrl.port,
        // As it is: a URL would resolve dots in it, and a second slash in front would name a host.
        path: baseUrl.pathname.replace(/\/$/, '') + request.path,
        method: request.method,
        agent: this.#agent,
        signal,
        headers: {
          accept: 'application/json',
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
          ...request.headers,
        },
      }
      let sent: ClientRequest
      try {
        sent = open(options)
      } catch (error) {
        // Such as an agent for another protocol.
        failed(error)
        return
      }
      sent.once('error', failed)
      sent.once('response', (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.once('error', failed)
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
          else {
            reject(this.#invalid(request, `was answered with more than ${String(MAX_BODY_BYTES)} bytes`))
            sent.destroy()
          }
        })
        answer.once('end', () => {
          const whole = Buffer.concat(chunks)
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: whole.toString() })
          // The text cannot be wiped; what it was made from can.
          for (const part of [...chunks, whole]) part.fill(0)
        })
      })
      sent.end(body)
    })
  }

  #unanswered(request: JsonRequest, error: unknown): EnvelopeError {
    // Node.js and OpenSSL name failures of the network in `code`; messages may quote headers.
    const code = String((error as { readonly code?: unknown } | undefined)?.code)
    const why = /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? ` (${code})` : ''
    return new EnvelopeError('KMS_UNAVAILABLE', `${this.#described(request)} got no answer${why}`)
  }

  #invalid(request: JsonRequest, how: string): EnvelopeError {
    return new EnvelopeError('KMS_RESPONSE_INVALID', `${this.#described(request)} ${how}`)
  }

  #described({ action, cmkId }: JsonRequest): string {
    return `${this.#options.name}: ${action}${cmkId === undefined ? '' : ` under CMK ${cmkId}`}`
  }
}

/** Why `text` cannot be the base URL of a KMS; undefined if it can. */
export function whyNoBaseUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    return 'expected a URL such as https://kms.example.com'
  if (url.username !== '' || url.password !== '' || /[?#]/.test(text))
    return 'expected a URL without a user, a query and a fragment'
  return whyReadable(url)
}

function ownAgent({ baseUrl, ca }: JsonServiceOptions): Agent {
  if (baseUrl.protocol === 'http:') return new HttpAgent({ keepAlive: true })
  return new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) })
}
