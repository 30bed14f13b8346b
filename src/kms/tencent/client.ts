import { EnvelopeError } from '../../errors.js'

/** Credentials that sign calls to Tencent Cloud. */
export interface TencentCredential {
  /** The id of the key that signs. */
  readonly secretId: string
  /** The key that signs. */
  readonly secretKey: string
  /** Only for temporary credentials. Default none. */
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
 * The part of a Tencent Cloud client that this provider uses. The official SDK's clients have it, as can any object
 * that makes signed API calls. One client serves one region.
 */
export interface TencentClient {
  /**
   * @param action an action of KMS, version 2019-01-18, for example `Decrypt`
   * @param options aborted when the call is cancelled or its time is over
   * @returns the members of `Response`
   * @throws an error with `code` and `requestId` if the answer contains an error; an error with `httpCode` for an HTTP
   * status other than 200
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
  /** Discards the credentials of this connection, because the service says that they are stale. */
  renew(): void
}

/** The source of clients. */
export interface Connections {
  /** Does the work that can fail permanently, such as loading the SDK. Called at start. */
  prepare(): Promise<void>
  connect(region: string, signal: AbortSignal): Promise<Connection>
  /** Releases sockets and timers. */
  close(): void
}

/** Clients that the application makes, one for each region, with its own credentials, agents and endpoints. */
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

/** @throws EnvelopeError KMS_REFUSED, because waiting would not help */
function made(make: (region: string) => TencentClient, region: string): TencentClient {
  try {
    const client: unknown = make(region)
    if (typeof (client as Partial<TencentClient> | undefined)?.request === 'function')
      return client as TencentClient
  } catch {
    // The application's error is dropped: it may quote anything.
  }
  throw new EnvelopeError('KMS_REFUSED', `\`client\` returned no client for region ${region}`, {
    remedy: 'Return an object with `request()` for every region that a CMK names',
  })
}
