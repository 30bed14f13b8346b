import { EnvelopeError } from '../../errors.js'

/** What signs calls to Tencent Cloud. */
export interface TencentCredential {
  readonly secretId: string
  readonly secretKey: string
  /** Of temporary credentials. */
  readonly token?: string | undefined
}

/** Anything that provides credentials, including the SDK's own providers. It is asked again before they expire. */
export interface CredentialProvider {
  getCredential(): Promise<{
    readonly secretId?: string | undefined
    readonly secretKey?: string | undefined
    readonly token?: string | undefined
    /** When they expire, if known. Otherwise they are fetched every five minutes. */
    readonly expiresAt?: Date | undefined
  }>
}

/**
 * What the provider needs of a client of Tencent Cloud: the official SDK's clients are such, and so is
 * anything that makes signed API calls. One client serves one region.
 */
export interface TencentClient {
  /**
   * @param action an action of KMS, version 2019-01-18, for example `Decrypt`
   * @param options aborted when the call is cancelled or its time is over
   * @returns the members of `Response`
   * @throws for an answer with an error: an error with its `code` and `requestId`; for an HTTP status other
   *   than 200: an error with `httpCode`
   */
  request(
    action: string,
    params: Readonly<Record<string, string>>,
    options: { readonly signal: AbortSignal },
  ): Promise<unknown>
}

/** A client that is ready for one call. */
export interface Connection {
  readonly client: TencentClient
  /** Gives up the credentials that this connection was made with: the service says that they are stale. */
  renew(): void
}

/** Where clients come from. */
export interface Connections {
  /** Does at start what can fail for good, such as loading the SDK. */
  prepare(): Promise<void>
  connect(region: string, signal: AbortSignal): Promise<Connection>
  /** Gives up sockets and timers. */
  close(): void
}

/** Clients that the application makes, each once. Their credentials, agents and endpoints are its own. */
export function givenClients(make: (region: string) => TencentClient): Connections {
  const clients = new Map<string, TencentClient>()
  return {
    prepare: () => Promise.resolve(),
    async connect(region) {
      const client = clients.get(region) ?? made(make, region)
      clients.set(region, client)
      return Promise.resolve({ client, renew: () => undefined })
    },
    close: () => undefined,
  }
}

/** @throws EnvelopeError KMS_REFUSED: waiting would not help */
function made(make: (region: string) => TencentClient, region: string): TencentClient {
  try {
    const client: unknown = make(region)
    if (typeof (client as Partial<TencentClient> | undefined)?.request === 'function')
      return client as TencentClient
  } catch {
    // What the application throws may quote anything.
  }
  throw new EnvelopeError('KMS_REFUSED', `\`client\` returned no client for region ${region}`, {
    remedy: 'Return an object with `request()` for every region that a CMK names',
  })
}
