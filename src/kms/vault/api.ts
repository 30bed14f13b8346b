import { isEnvelopeError, type ErrorCode } from '../../errors.js'
import type { Tokens } from './auth/tokens.js'
import { isRefusedToken } from './failures.js'
import type { Answer } from './responses.js'
import type { VaultCall, VaultService } from './service.js'

const HIDES_A_DENIAL: ReadonlySet<ErrorCode> = new Set(['KMS_CREDENTIALS_UNAVAILABLE', 'KMS_DENIED'])

/** The API of Vault, with this process's own token. */
export class VaultApi {
  readonly #service: VaultService
  readonly #tokens: Tokens

  constructor(service: VaultService, tokens: Tokens) {
    this.#service = service
    this.#tokens = tokens
  }

  /**
   * If the call is denied and another token is to be had, it is repeated once with that: the service does not say
   * whether the policy or the token is to blame. If no other token is to be had, it stays denied.
   *
   * @param admit runs before each attempt, when no other wait is ahead; the call fails as it does
   */
  async call(
    call: VaultCall,
    signal: AbortSignal,
    admit = (): Promise<unknown> => Promise.resolve(),
  ): Promise<Answer> {
    const token = await this.#tokens.get(signal)
    await admit()
    try {
      return await this.#service.send(call, token, signal)
    } catch (error) {
      if (!isEnvelopeError(error) || !isRefusedToken(error)) throw error
      const other = await this.#tokens.instead(token, signal).catch((failure: unknown) => {
        // A denial must not look like an outage because a secret is good for one login only, or its file is gone.
        if (isEnvelopeError(failure) && HIDES_A_DENIAL.has(failure.code)) return undefined
        throw failure
      })
      if (other === undefined) throw error
      await admit()
      return this.#service.send(call, other, signal)
    }
  }

  close(): void {
    this.#tokens.close()
    this.#service.close()
  }
}
