import type { Agent } from 'node:http'
import type { Clock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'
import { BearerService } from '../bearer-service.js'
import { JsonService } from '../json-service.js'
import { fitsScope } from './audience.js'
import { failureOf, type Action } from './failures.js'
import type { KeyId } from './key-id.js'

/** The version of the REST API. */
const API_VERSION = '7.4'

/** A source of access tokens, such as any credential of `@azure/identity`. */
export interface TokenCredential {
  getToken(scopes: string | string[]): Promise<{ readonly token: string } | null>
}

interface AzureApiOptions {
  readonly credential: TokenCredential
  readonly requestTimeoutMs: number
  readonly clock: Clock
  readonly ca: string | undefined
  readonly agent: Agent | undefined
}

/** Calls to the vaults and HSMs that CMKs name. Challenges (401) are not followed: they may name another tenant. */
export class AzureApi {
  readonly #options: AzureApiOptions
  readonly #services = new Map<string, BearerService>()
  readonly #closing = new AbortController()

  constructor(options: AzureApiOptions) {
    this.#options = options
  }

  /** Aborted by `close()`. For calls that no caller's signal ends. */
  get lifetime(): AbortSignal {
    return this.#closing.signal
  }

  /**
   * @param version of the key; the current one if undefined
   * @returns the body of an answer with status 200
   * @throws EnvelopeError as `Kms` says, or ENCRYPTION_CLOSED
   */
  async call(
    action: Action,
    key: KeyId,
    { version, body }: { readonly version?: string; readonly body?: object },
    signal: AbortSignal,
  ): Promise<unknown> {
    const parts = ['', 'keys', key.name, version, action === 'get' ? undefined : action]
    const answer = await this.#service(key).request(
      {
        action,
        cmkId: key.id,
        method: action === 'get' ? 'GET' : 'POST',
        path: `${parts.filter((part) => part !== undefined).join('/')}?api-version=${API_VERSION}`,
        ...(body === undefined ? {} : { body }),
      },
      signal,
    )
    if (answer.status === 200) return answer.body
    throw failureOf(answer, { action, key })
  }

  /** Ends all calls, including those already sent: each rejects immediately. */
  close(): void {
    this.#closing.abort(new EnvelopeError('ENCRYPTION_CLOSED', 'this KMS client was closed'))
    for (const each of this.#services.values()) each.close()
  }

  #service(key: KeyId): BearerService {
    const known = this.#services.get(key.baseUrl)
    if (known !== undefined) return known
    const { credential, requestTimeoutMs, clock, ca, agent } = this.#options
    const baseUrl = new URL(key.baseUrl)
    const name = key.type === 'vault' ? 'Key Vault' : 'Managed HSM'
    const service = new BearerService({
      service: new JsonService({ name, baseUrl, requestTimeoutMs, clock, ca, agent }),
      token: () => tokenFor(credential, key.scope),
      timeoutMs: requestTimeoutMs,
      clock,
    })
    if (this.#closing.signal.aborted) service.close()
    this.#services.set(key.baseUrl, service)
    return service
  }
}

/** @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE, or the error of the credential */
async function tokenFor(credential: TokenCredential, scope: string): Promise<unknown> {
  const given: unknown = await credential.getToken(scope)
  const token = (given as { readonly token?: unknown } | null)?.token
  if (typeof token === 'string' && !fitsScope(token, scope)) {
    throw new EnvelopeError(
      'KMS_CREDENTIALS_UNAVAILABLE',
      `the credential gave a token that is for another service than ${scope}`,
    )
  }
  return token
}
