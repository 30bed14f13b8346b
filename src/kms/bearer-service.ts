import { cancelled, onAbort, refuseCancelled, withDeadline, withoutListenerLimit } from '../cancellation.js'
import type { Clock } from '../clock.js'
import { EnvelopeError, isEnvelopeError } from '../errors.js'
import { nameOfThrown } from '../events.js'
import type { JsonAnswer, JsonRequest, JsonService, RawAnswer } from './json-service.js'

/** Visible ASCII, so that no token can add a header. Tokens of the clouds have up to a few thousand characters. */
export const TOKEN = /^[!-~]{1,16384}$/

export interface BearerServiceOptions {
  readonly service: JsonService
  /** Asks the application for a token. Called for each request, so that it may renew tokens as it likes. */
  readonly token: () => unknown
  /** How long `token` may take. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/**
 * A service that takes OAuth 2.0 bearer tokens (RFC 6750). If the answer has status 401, and the application has another
 * token by then, the request is repeated once with that.
 */
export class BearerService {
  readonly #options: BearerServiceOptions
  readonly #closing = new AbortController()

  constructor(options: BearerServiceOptions) {
    this.#options = options
    withoutListenerLimit(this.#closing.signal)
  }

  /** @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE if there is no token, and those of `JsonService.request` */
  async request(request: JsonRequest, signal: AbortSignal): Promise<JsonAnswer> {
    const token = await this.#token(signal)
    const answer = await this.#send(request, token, signal)
    // A gateway in front of the service may answer 401 itself, and not in JSON.
    if (answer.status !== 401) return answer.json()
    const fresh = await this.#token(signal)
    return (fresh === token ? answer : await this.#send(request, fresh, signal)).json()
  }

  /** Calls in progress reject with ENCRYPTION_CLOSED. */
  close(): void {
    this.#closing.abort(new EnvelopeError('ENCRYPTION_CLOSED', 'this KMS client was closed'))
    this.#options.service.close()
  }

  #send(request: JsonRequest, token: string, signal: AbortSignal): Promise<RawAnswer> {
    return this.#options.service.send({ ...request, headers: { authorization: `Bearer ${token}` } }, signal)
  }

  async #token(signal: AbortSignal): Promise<string> {
    refuseCancelled(this.#closing.signal)
    const ended = new AbortController()
    const stops = [this.#closing.signal, signal].map((each) =>
      onAbort(each, () => {
        ended.abort(cancelled(each))
      }),
    )
    const { clock, timeoutMs: ms, token } = this.#options
    const late = (): EnvelopeError => unavailable(`got no access token within ${String(ms)} ms`)
    try {
      const given = await withDeadline(async () => Promise.resolve(token()), ended.signal, {
        clock,
        ms,
        late,
      })
      if (typeof given === 'string' && TOKEN.test(given)) return given
      throw unavailable('got something other than an access token')
    } catch (error) {
      if (isEnvelopeError(error)) throw error
      // Only its name: the message may quote credentials.
      throw unavailable(`got no access token (${nameOfThrown(error).slice(0, 60)})`)
    } finally {
      for (const stop of stops) stop()
    }
  }
}

function unavailable(what: string): EnvelopeError {
  return new EnvelopeError('KMS_CREDENTIALS_UNAVAILABLE', `a call to the KMS ${what}`)
}
