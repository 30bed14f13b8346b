import { isEnvelopeError } from '../../errors.js'
import { onAbort, raceAbort, withDeadline } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { CallLifetime } from '../call-lifetime.js'
import type { Connections, TencentClient } from './client.js'
import type { CmkName } from './cmk-name.js'
import { failureOf, isStaleCredentials, timedOut, type Action, type FailedCall } from './failures.js'
import { Answer } from './responses.js'

/** Calls to the service. Each has its own deadline, and fails only with an `EnvelopeError`. */
export class TencentApi {
  readonly #connections: Connections
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #lifetime = new CallLifetime()

  constructor(connections: Connections, timeoutMs: number, clock: Clock) {
    this.#connections = connections
    this.#timeoutMs = timeoutMs
    this.#clock = clock
  }

  /** Aborted by `close()`. For calls that no caller's signal ends. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal
  }

  /** @throws EnvelopeError KMS_SDK_MISSING, or ENCRYPTION_CLOSED if `close()` ended the wait */
  prepare(signal: AbortSignal): Promise<void> {
    return this.#lifetime.during(signal, (own) => raceAbort(this.#connections.prepare(), own))
  }

  /** @throws EnvelopeError as `Kms` says, or ENCRYPTION_CLOSED if `close()` ended the call; nothing else */
  async call(
    action: Action,
    cmk: CmkName,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    return this.#lifetime.during(signal, (own) => this.#attempts({ action, cmk }, params, own))
  }

  /** Re-encrypts from one CMK to another of the same region. @throws EnvelopeError as `call` does */
  async reEncrypt(
    cmk: CmkName,
    to: CmkName,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    return this.#lifetime.during(signal, (own) =>
      this.#attempts({ action: 'ReEncrypt', cmk, to }, params, own),
    )
  }

  /** Ends all calls, including those already sent: each rejects immediately. */
  close(): void {
    this.#lifetime.close()
    this.#connections.close()
  }

  async #attempts(
    call: FailedCall,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const { client, renew } = await raceAbort(this.#connections.connect(call.cmk.region, signal), signal)
      try {
        return new Answer(call, await this.#send(client, call, params, signal))
      } catch (error) {
        if (isEnvelopeError(error)) throw error
        if (attempt > 1 || !isStaleCredentials(error)) throw failureOf(error, call)
        renew()
      }
    }
  }

  #send(
    client: TencentClient,
    call: FailedCall,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    const deadline = { clock: this.#clock, ms: this.#timeoutMs, late: () => timedOut(call, this.#timeoutMs) }
    return withDeadline(
      async (own) => {
        const sent = new AbortController()
        const stop = onAbort(own, () => {
          sent.abort()
        })
        try {
          return await client.request(call.action, params, { signal: sent.signal })
        } finally {
          stop()
          // The SDK does not read the body of an answer other than 200, which would hold the socket forever.
          sent.abort()
        }
      },
      signal,
      deadline,
    )
  }
}
