import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import { refuseCancelled, raceAbort, withoutListenerLimit } from '../../cancellation.js'
import type { Connections, TencentClient } from './client.js'
import type { CmkName } from './cmk-name.js'
import { failureOf, isStaleCredentials, timedOut, type FailedCall } from './failures.js'
import type { Action, Limits } from './limits.js'
import { Answer } from './responses.js'

/** Calls of the service: each with a turn, a deadline of its own, and one way to fail. */
export class TencentApi {
  readonly #connections: Connections
  readonly #limits: Limits
  readonly #timeoutMs: number
  readonly #closing = new AbortController()

  constructor(connections: Connections, limits: Limits, timeoutMs: number) {
    this.#connections = connections
    this.#limits = limits
    this.#timeoutMs = timeoutMs
    withoutListenerLimit(this.#closing.signal)
  }

  /** Aborted by `close()`: for calls that no caller's signal ends. */
  get lifetime(): AbortSignal {
    return this.#closing.signal
  }

  /** @throws EnvelopeError KMS_SDK_MISSING */
  prepare(): Promise<void> {
    return this.#connections.prepare()
  }

  /** @throws EnvelopeError as `Kms` says, ENCRYPTION_CLOSED where `close()` ended it; nothing else */
  async call(
    action: Action,
    cmk: CmkName,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    this.#refuseClosed()
    const ended = new AbortController()
    const end = (): void => {
      ended.abort()
    }
    const ends = [signal, this.#closing.signal]
    for (const each of ends) each.addEventListener('abort', end)
    try {
      refuseCancelled(signal)
      return await this.#attempts({ action, cmk }, params, ended.signal)
    } catch (error) {
      this.#refuseClosed()
      throw error
    } finally {
      for (const each of ends) each.removeEventListener('abort', end)
    }
  }

  /** Ends what is waited for, sent calls included: each rejects at once. */
  close(): void {
    this.#closing.abort()
    this.#connections.close()
  }

  async #attempts(
    call: FailedCall,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { action, cmk } = call
    for (let attempt = 1; ; attempt++) {
      refuseCancelled(signal)
      const { client, renew } = await this.#connections.connect(cmk.region, signal)
      const end = await this.#limits.turn(cmk.region, action, signal)
      try {
        refuseCancelled(signal)
        return new Answer(call, await this.#send(client, call, params, signal))
      } catch (error) {
        if (isEnvelopeError(error)) throw error
        if (attempt > 1 || !isStaleCredentials(error)) throw failureOf(error, call)
        renew()
      } finally {
        end()
      }
    }
  }

  async #send(
    client: TencentClient,
    call: FailedCall,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const own = new AbortController()
    const abort = (): void => {
      own.abort()
    }
    const timer = setTimeout(() => {
      own.abort(timedOut(call, this.#timeoutMs))
    }, this.#timeoutMs)
    signal.addEventListener('abort', abort)
    try {
      // A client may ignore the signal.
      return await raceAbort(client.request(call.action, params, { signal: own.signal }), own.signal)
    } catch (error) {
      refuseCancelled(signal)
      const { reason } = own.signal as { reason: unknown }
      throw isEnvelopeError(reason) ? reason : error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      // The SDK leaves the body of an answer that is not 200 unread: that would hold the socket for ever.
      own.abort()
    }
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted)
      throw new EnvelopeError('ENCRYPTION_CLOSED', 'this KMS client was closed')
  }
}
