import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import { stopwatch, systemClock } from '../../clock.js'
import { pause, raceAbort } from '../../cancellation.js'
import type { TencentSdk } from './sdk.js'

/** What signs calls to Tencent Cloud. */
export interface TencentCredential {
  readonly secretId: string
  readonly secretKey: string
  /** Of temporary credentials. */
  readonly token?: string | undefined
}

/** Anything that tells credentials, the SDK's own providers among them. Asked again before they expire. */
export interface CredentialProvider {
  getCredential(): Promise<{
    readonly secretId?: string | undefined
    readonly secretKey?: string | undefined
    readonly token?: string | undefined
    /** Until when they are valid, if known. Otherwise they are asked for every five minutes. */
    readonly expiresAt?: Date | undefined
  }>
}

/**
 * Where credentials come from: themselves; a provider; or the name of one of the SDK's:
 *
 * - `environment`: `TENCENTCLOUD_SECRET_ID`, `TENCENTCLOUD_SECRET_KEY`, `TENCENTCLOUD_SESSION_TOKEN` if set
 * - `profile`: section `[default]` of `~/.tencentcloud/credentials` or `/etc/tencentcloud/credentials`
 * - `cvm-role`: the role of the virtual machine, from its metadata service
 * - `tke-oidc`: the role of the pod's service account (`TKE_ROLE_ARN` and others, which TKE sets)
 */
export type TencentCredentials = TencentCredential | CredentialProvider | NamedProvider

export type NamedProvider = keyof typeof NAMED

interface NamedRow {
  /** Environment variables without which it cannot work. */
  readonly variables: readonly string[]
  readonly make: (sdk: TencentSdk) => CredentialProvider
}

const NAMED = {
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
} as const satisfies Record<string, NamedRow>

export const NAMED_PROVIDERS = Object.keys(NAMED) as readonly NamedProvider[]

const RENEW_AFTER_MS = 5 * 60_000
const MIN_SPACING_MS = 1000
const MAX_BACKOFF_MS = 8000

/** Credentials at hand. */
export interface CredentialSource {
  /** @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE, or KMS_TIMEOUT where nobody waits any more */
  get(signal: AbortSignal): Promise<TencentCredential>
  /** Forgets `stale`, if it still is what `get` gives: the next call fetches. */
  renew(stale: TencentCredential): void
  close(): void
}

export function credentialSource(
  credentials: TencentCredentials,
  sdk: () => Promise<TencentSdk>,
  timeoutMs: number,
): CredentialSource {
  if (typeof credentials === 'string') {
    const { variables, make }: NamedRow = NAMED[credentials]
    return new FetchedCredentials(credentials, timeoutMs, async () => {
      const missing = variables.filter((name) => (process.env[name] ?? '') === '')
      if (missing.length > 0) throw unavailable(credentials, `not set: ${missing.join(', ')}`)
      // A new one each time: the SDK's keep a rejected promise for ever.
      return make(await sdk())
    })
  }
  if ('getCredential' in credentials) {
    return new FetchedCredentials('getCredential()', timeoutMs, () =>
      Promise.resolve({ getCredential: () => credentials.getCredential() }),
    )
  }
  const fixed = checked(credentials, 'the configuration')
  return { get: () => Promise.resolve(fixed), renew: () => undefined, close: () => undefined }
}

interface Held {
  readonly credential: TencentCredential
  /** By the monotonic clock: from then on it is fetched anew in the background. */
  readonly renewAt: number
  /** By the wall clock, as the service sees it. */
  readonly usableUntil: number
}

/**
 * Credentials that are fetched: kept, fetched once for all who wait, with a time-out, and not more often
 * than once a second, after failures less. A fetch that fails takes nothing away that still is valid.
 */
class FetchedCredentials implements CredentialSource {
  readonly #name: string
  readonly #timeoutMs: number
  readonly #provider: () => Promise<CredentialProvider>
  readonly #closed = new AbortController()
  readonly #now = stopwatch()
  #held: Held | undefined
  #fetching: Promise<TencentCredential> | undefined
  #failures = 0
  #notBefore = 0
  #lastFailure: EnvelopeError | undefined

  constructor(name: string, timeoutMs: number, provider: () => Promise<CredentialProvider>) {
    this.#name = name
    this.#timeoutMs = timeoutMs
    this.#provider = provider
  }

  async get(signal: AbortSignal): Promise<TencentCredential> {
    const held = this.#held
    if (held !== undefined && Date.now() < held.usableUntil) {
      const now = this.#now()
      if (now >= held.renewAt && now >= this.#notBefore) this.#fetch().catch(() => undefined)
      return held.credential
    }
    return raceAbort(this.#fetch(), signal)
  }

  renew(stale: TencentCredential): void {
    if (this.#held?.credential === stale) this.#held = undefined
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
    const wait = this.#notBefore - this.#now()
    if (this.#lastFailure !== undefined && wait > MIN_SPACING_MS) throw this.#lastFailure
    try {
      if (wait > 0) await pause(wait, this.#closed.signal, systemClock)
      this.#notBefore = this.#now() + MIN_SPACING_MS
      const held = holdable(await this.#ask(), this.#name, this.#now())
      this.#held = held
      this.#failures = 0
      this.#lastFailure = undefined
      return held.credential
    } catch (error) {
      const backoff = Math.min(MIN_SPACING_MS * 2 ** this.#failures++, MAX_BACKOFF_MS)
      this.#notBefore = this.#now() + backoff
      // What a provider throws may quote a secret.
      this.#lastFailure = isEnvelopeError(error)
        ? error
        : unavailable(this.#name, `failed with ${nameOfThrown(error)}`)
      throw this.#lastFailure
    }
  }

  async #ask(): ReturnType<CredentialProvider['getCredential']> {
    const provider = await this.#provider()
    const timeout = new AbortController()
    // Closed: nobody waits any more.
    const ended = AbortSignal.any([timeout.signal, this.#closed.signal])
    const giveUp = (): never => {
      // The SDK's providers ask themselves again, without a pause, while a token is about to expire.
      provider.getCredential = () => Promise.reject(new Error('given up'))
      throw unavailable(this.#name, `no answer within ${String(this.#timeoutMs)} ms`)
    }
    try {
      return await Promise.race([
        provider.getCredential(),
        pause(this.#timeoutMs, ended, systemClock).then(giveUp, giveUp),
      ])
    } finally {
      timeout.abort()
    }
  }
}

type Told = Awaited<ReturnType<CredentialProvider['getCredential']>>

function holdable(told: Told, name: string, now: number): Held {
  const credential = checked(told, name)
  const { expiresAt } = told
  if (expiresAt === undefined) return { credential, renewAt: now + RENEW_AFTER_MS, usableUntil: Infinity }
  const rest = expiresAt.getTime() - Date.now()
  if (!(rest > 0)) throw unavailable(name, 'the credentials have expired')
  // Shortly before the end, and of short-lived ones half-way.
  const early = Math.min(RENEW_AFTER_MS, rest / 2)
  return { credential, renewAt: now + rest - early, usableUntil: expiresAt.getTime() }
}

/** Only what is used; visible ASCII, since it goes into HTTP headers. */
function checked({ secretId, secretKey, token }: Told, name: string): TencentCredential {
  for (const [member, value] of Object.entries({ secretId, secretKey })) {
    if (!isVisible(value)) throw unavailable(name, `there is no valid ${member}`)
  }
  const id = { secretId: secretId as string, secretKey: secretKey as string }
  if (token === undefined || token === '') return id
  if (!isVisible(token)) throw unavailable(name, 'the token is not valid')
  return { ...id, token }
}

export function isVisible(text: unknown): text is string {
  return typeof text === 'string' && /^[!-~]+$/.test(text)
}

function unavailable(name: string, why: string): EnvelopeError {
  return new EnvelopeError('KMS_CREDENTIALS_UNAVAILABLE', `credentials from ${name}: ${why}`)
}
