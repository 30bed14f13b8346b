import { isEnvelopeError } from '../../errors.js'
import { raceAbort, withDeadline } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { CallLifetime } from '../call-lifetime.js'
import type { AwsKmsClient, Connections } from './client.js'
import type { CmkArn } from './cmk-arn.js'
import {
  failureOf,
  isAnswer,
  isStaleCredentials,
  timedOut,
  withoutCredentials,
  type Action,
  type FailedCall,
} from './failures.js'
import { Answer } from './responses.js'
import type { AwsSdk } from './sdk.js'
import { Sending } from './sending.js'

type Input = Readonly<Record<string, unknown>>

export interface AwsApiOptions {
  readonly sdk: () => Promise<AwsSdk>
  readonly connections: Connections
  readonly timeoutMs: number
  readonly clock: Clock
}

/** Calls to the service. Each has its own deadline, and fails only with an `EnvelopeError`. */
export class AwsApi {
  readonly #options: AwsApiOptions
  readonly #lifetime = new CallLifetime()

  constructor(options: AwsApiOptions) {
    this.#options = options
  }

  /** Aborted by `close()`. For calls that no caller's signal ends. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal
  }

  /** @throws EnvelopeError KMS_SDK_MISSING, or ENCRYPTION_CLOSED if `close()` ended the wait */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.#lifetime.during(signal, (own) => raceAbort(this.#options.sdk(), own))
  }

  /** @throws EnvelopeError as `Kms` says, or ENCRYPTION_CLOSED if `close()` ended the call; nothing else */
  async call(action: Action, cmk: CmkArn, input: Input, signal: AbortSignal): Promise<Answer> {
    return this.#lifetime.during(signal, (own) => this.#attempts({ action, cmk }, input, own))
  }

  /** Re-encrypts from one CMK to another of the same region. @throws EnvelopeError as `call` does */
  async reEncrypt(cmk: CmkArn, to: CmkArn, input: Input, signal: AbortSignal): Promise<Answer> {
    return this.#lifetime.during(signal, (own) =>
      this.#attempts({ action: 'ReEncrypt', cmk, to }, input, own),
    )
  }

  /** Ends all calls, including those already sent: each rejects immediately. */
  close(): void {
    this.#lifetime.close()
    this.#options.connections.close()
  }

  async #attempts(call: FailedCall, input: Input, signal: AbortSignal): Promise<Answer> {
    const { connections, sdk } = this.#options
    const { [`${call.action}Command` as const]: Command } = await raceAbort(sdk(), signal)
    for (let attempt = 1; ; attempt++) {
      const { client, renew } = await raceAbort(connections.connect(call.cmk.region, signal), signal)
      // The SDK changes a command as it sends it, so each attempt has its own.
      const command = new Command({ ...input, ...keysOf(call) })
      const sending = new Sending(command)
      try {
        return new Answer(call, await this.#send(client, call, command, signal))
      } catch (error) {
        if (isEnvelopeError(error)) throw error
        if (sending.failedBefore && isAnswer(error)) throw withoutCredentials(error, call)
        if (attempt > 1 || !isStaleCredentials(error)) throw failureOf(error, call)
      }
      await renew(signal)
    }
  }

  #send(client: AwsKmsClient, call: FailedCall, command: object, signal: AbortSignal): Promise<unknown> {
    const { clock, timeoutMs: ms } = this.#options
    const deadline = { clock, ms, late: () => timedOut(call, ms) }
    return withDeadline((abortSignal) => client.send(command, { abortSignal }), signal, deadline, wiped)
  }
}

function keysOf({ cmk, to }: FailedCall): Input {
  return to === undefined ? { KeyId: cmk.id } : { SourceKeyId: cmk.id, DestinationKeyId: to.id }
}

/** Wipes the DEK in an output that comes too late. */
function wiped(output: unknown): void {
  const { Plaintext: plaintext } = (output ?? {}) as { readonly Plaintext?: unknown }
  if (plaintext instanceof Uint8Array) plaintext.fill(0)
}
