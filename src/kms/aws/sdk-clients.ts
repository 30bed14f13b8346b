import { refuseCancelled, waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import { originOf } from '../origin.js'
import type { AwsCredentialProvider, AwsCredentials, Connections } from './client.js'
import { checkedSource, NotCredentials } from './credentials.js'
import type { AwsSdk, SdkClient } from './sdk.js'

export interface SdkClientOptions {
  readonly sdk: () => Promise<AwsSdk>
  /** The SDK's default chain if absent. */
  readonly credentials: AwsCredentials | AwsCredentialProvider | undefined
  /** An origin, in which `{region}` is replaced. */
  readonly endpoint: string | undefined
  readonly maxSockets: number
  /** How long the credentials may take. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/** Clients of the SDK, one for each region. The SDK's own retries are off, because this library retries. */
export function sdkClients(options: SdkClientOptions): Connections {
  const { sdk, credentials, endpoint, maxSockets, timeoutMs, clock } = options
  const clients = new Map<string, SdkClient>()
  const agent = { keepAlive: true, maxSockets } as const
  const source = typeof credentials === 'function' ? checkedSource(credentials) : credentials

  const clientOf = async (region: string, signal: AbortSignal): Promise<SdkClient> => {
    const { KMSClient } = await sdk()
    // A client that is made after `close()` would never be destroyed.
    refuseCancelled(signal)
    const known = clients.get(region)
    if (known !== undefined) return known
    const client = new KMSClient({
      region,
      maxAttempts: 1,
      ignoreConfiguredEndpointUrls: true,
      requestHandler: { httpAgent: agent, httpsAgent: agent },
      ...(endpoint === undefined ? {} : { endpoint: originOf(endpoint, region).origin }),
      ...(source === undefined ? {} : { credentials: source }),
    })
    clients.set(region, client)
    return client
  }

  /**
   * Fetches credentials before a command needs them. Some errors of their source have the same names as errors of KMS,
   * and would look like its answers.
   */
  const ready = async (client: SdkClient, forceRefresh: boolean, signal: AbortSignal): Promise<void> => {
    let answer: Awaited<ReturnType<typeof waitFor<AwsCredentials>>>
    try {
      const fetched = client.config.credentials(forceRefresh ? { forceRefresh } : {})
      answer = await waitFor(fetched, { clock, ms: timeoutMs, signal })
    } catch (error) {
      if (error instanceof NotCredentials) throw invalid()
      // Its text may quote a secret.
      throw unavailable(`failed with ${nameOfThrown(error)}`)
    }
    refuseCancelled(signal)
    if (answer === 'late') throw unavailable(`gave none within ${String(timeoutMs)} ms`)
  }

  return {
    async connect(region, signal) {
      const client = await clientOf(region, signal)
      await ready(client, false, signal)
      return { client, renew: (own) => ready(client, true, own) }
    },
    close() {
      for (const client of clients.values()) client.destroy()
    },
  }
}

function unavailable(how: string, remedy?: string): EnvelopeError {
  const what = `the source of AWS credentials ${how}`
  return new EnvelopeError('KMS_CREDENTIALS_UNAVAILABLE', what, remedy === undefined ? {} : { remedy })
}

function invalid(): EnvelopeError {
  return unavailable(
    'gave something other than credentials',
    'Return `accessKeyId` and `secretAccessKey`, for temporary credentials also `sessionToken`, all as visible ASCII characters, and `expiration`, if it is there, as a Date',
  )
}
