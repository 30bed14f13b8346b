import { Backoff } from '../../backoff.js'
import { pause, raceAbort, waitFor } from '../../cancellation.js'
import { stopwatch, type Clock } from '../../clock.js'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import type { CredentialProvider, TencentCredential } from './client.js'
import type { TencentSdk } from './sdk.js'

/**
 * The source of credentials: the credentials themselves, a provider, or the name of one of the SDK's providers:
 *
 * - `environment`: `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY`, `TENCENTCLOUD_SESSION_TOKEN` if set
 * - `profile`: section `[default]` of `~/.tencentcloud/credentials` or `/etc/tencentcloud/credentials`
 * - `cvm-role`: the role of the virtual machine, from its metadata service
 * - `tke-oidc`: the role of the pod's service account (`TKE_ROLE_ARN` and others, which TKE sets)
 */
export type TencentCredentials = TencentCredential | CredentialProvider | NamedProvider

export type NamedProvider = 'environment' | 'profile' | 'cvm-role' | 'tke-oidc'

interface NamedRow {
  /** Environment variables that it needs. */
  readonly variables: readonly string[]
  readonly make: (sdk: TencentSdk) => CredentialProvider
}

const NAMED: Readonly<Record<NamedProvider, NamedRow>> = {
  environment: {
    variables: ['TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY'],
    make: (sdk) => new sdk.EnvironmentVariableCredential(),
  },
  profile: { variables: [], make: (sdk) => new sdk.ProfileCredential() },
  'cvm-role': { variables: [], make: (sdk) => new sdk.CvmRoleCredential() },
  'tke-oidc': {
    variables: ['TKE_REGION', 'TKE_PROVIDER_ID', 'TKE_WEB_IDENTITY_TOKEN_FILE', 'TKE_ROLE_ARN'],
    make: (sdk) => new sdk.OIDCRoleArnCredential(),
  },
}

export const NAMED_PROVIDERS = Object.keys(NAMED) as readonly NamedProvider[]

const RENEW_AFTER_MS = 5 * 60_000
const MIN_SPACING_MS = 1000
const MAX_BACKOFF_MS = 8000

/** The source of credentials for calls. */
export interface CredentialSource {
  /** @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE, or as `cancelled` says if the signal aborts */
  get(signal: AbortSignal): Promise<TencentCredential>
  /** Forgets `stale` if `get` still returns it, so that the next call fetches new credentials. */
  renew(stale: TencentCredential): void
  close(): void
}

/** How credentials are fetched. */
export interface FetchOptions {
  readonly timeoutMs: number
  readonly clock: Clock
}

export function credentialSource(
  credentials: TencentCredentials,
  sdk: () => Promise<TencentSdk>,
  options: FetchOptions,
): CredentialSource {
  if (typeof credentials === 'string') {
    const { variables, make } = NAMED[credentials]
    return new FetchedCredentials(credentials, options, async () => {
      const missing = variables.filter((name) => (process.env[name] ?? '') === '')
      if (missing.length > 0) throw unavailable(credentials, `not set: ${missing.join(', ')}`)
      // A new provider each time: those of the SDK keep a rejected promise forever.
      return make(await sdk())
    })
  }
  if ('getCredential' in credentials) {
    return new FetchedCredentials('getCredential()', options, () =>
      Promise.resolve({ getCredential: () => credentials.getCredential() }),
    )
  }
  const fixed = checked(credentials, 'the configuration')
  return { get: () => Promise.resolve(fixed), renew: () => undefined, close: () => undefined }
}

interface CachedCredential {
  readonly credential: TencentCredential
  /** On the monotonic clock. From then on, the credentials are renewed in the background. */
  readonly renewAtMs: number
  /** On the wall clock, which the service uses. */
  readonly usableUntilMs: number
}

/**
 * Fetches and caches credentials. Concurrent callers share one fetch, which has a time-out. Fetches start at most once
 * a second, and less often after failures. If a fetch fails, credentials that are still valid stay in use.
 */
class FetchedCredentials implements CredentialSource {
  readonly #name: string
  readonly #options: FetchOptions
  readonly #provider: () => Promise<CredentialProvider>
  readonly #closed = new AbortController()
  readonly #elapsedMs: () => number
  readonly #backoff = new Backoff({ firstMs: MIN_SPACING_MS, maxMs: MAX_BACKOFF_MS })
  #cached: CachedCredential | undefined
  #fetching: Promise<TencentCredential> | undefined
  #notBeforeMs = 0
  #lastFailure: EnvelopeError | undefined

  constructor(name: string, options: FetchOptions, provider: () => Promise<CredentialProvider>) {
    this.#name = name
    this.#options = options
    this.#provider = provider
    this.#elapsedMs = stopwatch(options.clock)
  }

  async get(signal: AbortSignal): Promise<TencentCredential> {
    const cached = this.#cached
    if (cached !== undefined && this.#options.clock.wallMs() < cached.usableUntilMs) {
      const nowMs = this.#elapsedMs()
      if (nowMs >= cached.renewAtMs && nowMs >= this.#notBeforeMs) this.#fetch().catch(() => undefined)
      return cached.credential
    }
    return raceAbort(this.#fetch(), signal)
  }

  renew(stale: TencentCredential): void {
    if (this.#cached?.credential === stale) this.#cached = undefined
  }

  close(): void {
    this.#closed.abort()
  }

  #fetch(): Promise<TencentCredential> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<TencentCredential> {
    const waitMs = this.#notBeforeMs - this.#elapsedMs()
    if (this.#lastFailure !== undefined && waitMs > MIN_SPACING_MS) throw this.#lastFailure
    try {
      if (waitMs > 0) await pause(waitMs, this.#closed.signal, this.#options.clock)
      this.#notBeforeMs = this.#elapsedMs() + MIN_SPACING_MS
      const cached = this.#cacheable(await this.#ask())
      this.#cached = cached
      this.#backoff.reset()
      this.#lastFailure = undefined
      return cached.credential
    } catch (error) {
      this.#notBeforeMs = this.#elapsedMs() + this.#backoff.next()
      // A provider's error may quote a secret.
      this.#lastFailure = isEnvelopeError(error)
        ? error
        : unavailable(this.#name, `failed with ${nameOfThrown(error)}`)
      throw this.#lastFailure
    }
  }

  async #ask(): Promise<ProviderAnswer> {
    const provider = await this.#provider()
    const { timeoutMs, clock } = this.#options
    const limits = { ms: timeoutMs, signal: this.#closed.signal, clock }
    const answer = await waitFor(provider.getCredential(), limits)
    if (typeof answer !== 'string') return answer.value
    // The SDK's providers call themselves again, without a pause, while a token is about to expire.
    provider.getCredential = () => Promise.reject(new Error('cancelled'))
    throw unavailable(this.#name, `no answer within ${String(timeoutMs)} ms`)
  }

  #cacheable(answer: ProviderAnswer): CachedCredential {
    const credential = checked(answer, this.#name)
    const { expiresAt } = answer
    const nowMs = this.#elapsedMs()
    if (expiresAt === undefined)
      return { credential, renewAtMs: nowMs + RENEW_AFTER_MS, usableUntilMs: Infinity }
    const restMs = expiresAt.getTime() - this.#options.clock.wallMs()
    if (!(restMs > 0)) throw unavailable(this.#name, 'the credentials have expired')
    // Shortly before the end; half-way if they are short-lived.
    const earlyMs = Math.min(RENEW_AFTER_MS, restMs / 2)
    return { credential, renewAtMs: nowMs + restMs - earlyMs, usableUntilMs: expiresAt.getTime() }
  }
}

type ProviderAnswer = Awaited<ReturnType<CredentialProvider['getCredential']>>

/** Only the members that are used; visible ASCII, since they go into HTTP headers. */
function checked({ secretId, secretKey, token }: ProviderAnswer, name: string): TencentCredential {
  for (const [member, value] of Object.entries({ secretId, secretKey })) {
    if (!isVisible(value)) throw unavailable(name, `no valid ${member}`)
  }
  const id = { secretId: secretId as string, secretKey: secretKey as string }
  if (token === undefined || token === '') return id
  if (!isVisible(token)) throw unavailable(name, 'the token is not valid')
  return { ...id, token }
}

function isVisible(text: unknown): text is string {
  return typeof text === 'string' && /^[!-~]+$/.test(text)
}

function unavailable(name: string, why: string): EnvelopeError {
  return new EnvelopeError('KMS_CREDENTIALS_UNAVAILABLE', `credentials from ${name}: ${why}`)
}
