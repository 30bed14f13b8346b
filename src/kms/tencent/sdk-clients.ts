import type { Clock } from '../../clock.js'
import { EnvelopeError } from '../../errors.js'
import { httpAgent, httpsAgent, tunnelAgent } from './agents.js'
import type { Connections } from './client.js'
import type { CredentialSource } from './credentials.js'
import { endpointOf, type EndpointOption } from './endpoint.js'
import type { TencentSdk } from './sdk.js'

const VERSION = '2019-01-18'

export interface SdkClientOptions {
  readonly sdk: () => Promise<TencentSdk>
  readonly credentials: CredentialSource | undefined
  readonly endpoint: EndpointOption
  readonly proxy: string | undefined
  readonly maxSockets: number
  /** How long the proxy may take to open a tunnel. */
  readonly timeoutMs: number
  readonly clock: Clock
}

/**
 * Clients of the official SDK. One is made for each call. That costs almost nothing, each call is signed with
 * credentials that we know, and `CredentialSource` decides when to fetch them.
 */
export function sdkClients(options: SdkClientOptions): Connections {
  const { sdk, credentials, endpoint, proxy, maxSockets, timeoutMs, clock } = options
  const hosts = new Set<string>()
  // Always our own agent: without one, the SDK would take a proxy from the environment.
  const https =
    proxy === undefined
      ? httpsAgent({ hosts, maxSockets })
      : tunnelAgent({ hosts, maxSockets, proxy, timeoutMs, clock })
  const http = httpAgent({ hosts, maxSockets })
  return {
    async prepare() {
      await sdk()
    },
    async connect(region, signal) {
      if (credentials === undefined) {
        throw new EnvelopeError('KMS_DENIED', 'tencentKms() has no `credentials`', {
          remedy: 'Pass `credentials`: only sealing with pinned public keys works without them',
        })
      }
      const { CommonClient } = await sdk()
      const credential = await credentials.get(signal)
      const { protocol, host } = endpointOf(endpoint, region)
      hosts.add(host)
      const agent = protocol === 'http:' ? http : https
      const client = new CommonClient(host, VERSION, {
        credential,
        region,
        profile: {
          language: 'en-US',
          // The SDK's own time-out is off, because it leaks a timer for each body that fails. The signal is the
          // deadline.
          httpProfile: { protocol: `${protocol}//`, endpoint: host, reqTimeout: 0, agent },
        },
      })
      return {
        client,
        renew: () => {
          credentials.renew(credential)
        },
      }
    },
    close() {
      credentials?.close()
      https.destroy()
      http.destroy()
    },
  }
}
