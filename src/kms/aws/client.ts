import { EnvelopeError } from '../../errors.js'

/**
 * The part of a client that this provider uses. `KMSClient` of `@aws-sdk/client-kms` has it, as does any object that
 * sends the commands of that package. One client serves one region.
 */
export interface AwsKmsClient {
  /**
   * @param command a command of `@aws-sdk/client-kms`, such as `DecryptCommand`
   * @param options aborted when the call is cancelled or its time is over
   * @returns the output of the command
   * @throws the errors of the SDK: with `name`, `$fault` and `$metadata` if the service answered with an error
   */
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<unknown>
}

/** Credentials that sign calls to AWS. */
export interface AwsCredentials {
  /** The id of the key that signs. */
  readonly accessKeyId: string
  /** The key that signs. */
  readonly secretAccessKey: string
  /** Only for temporary credentials. Default none. */
  readonly sessionToken?: string | undefined
  /** When they expire, if known. A provider is asked again five minutes earlier. */
  readonly expiration?: Date | undefined
}

/** A source of credentials, such as those of `@aws-sdk/credential-providers`. */
export type AwsCredentialProvider = () => Promise<AwsCredentials>

/** A client that is ready for one call. */
export interface Connection {
  readonly client: AwsKmsClient
  /**
   * Fetches new credentials, because the service says that those of this connection are stale.
   * @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE
   */
  renew(signal: AbortSignal): Promise<void>
}

/** The source of clients. */
export interface Connections {
  /**
   * @param signal aborted by `close()`, too
   * @throws EnvelopeError KMS_CREDENTIALS_UNAVAILABLE or KMS_REFUSED
   */
  connect(region: string, signal: AbortSignal): Promise<Connection>
  /** Releases sockets and timers. */
  close(): void
}

/** Clients that the application makes, one for each region, with its own credentials, agents and endpoints. */
export function givenClients(make: (region: string) => AwsKmsClient): Connections {
  const clients = new Map<string, AwsKmsClient>()
  return {
    async connect(region) {
      const client = clients.get(region) ?? made(make, region)
      clients.set(region, client)
      return Promise.resolve({ client, renew: () => Promise.resolve() })
    },
    close: () => undefined,
  }
}

/** @throws EnvelopeError KMS_REFUSED, because waiting would not help */
function made(make: (region: string) => AwsKmsClient, region: string): AwsKmsClient {
  try {
    const client: unknown = make(region)
    if (typeof (client as Partial<AwsKmsClient> | undefined)?.send === 'function')
      return client as AwsKmsClient
  } catch {
    // The application's error is dropped: it may quote anything.
  }
  throw new EnvelopeError('KMS_REFUSED', `\`client\` returned no client for region ${region}`, {
    remedy: 'Return an object with `send()` for every region that a CMK names',
  })
}
