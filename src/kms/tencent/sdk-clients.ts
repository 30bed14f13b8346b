import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { EnvelopeError } from '../../errors.js'
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
}

/**
 * Clients of the official SDK. One is made for each call: that costs nothing, signs each with credentials
 * that are known, and leaves it to `CredentialSource` when to fetch them.
 */
export function sdkClients(options: SdkClientOptions): Connections {
  const { sdk, credentials, endpoint, proxy, maxSockets } = options
  // Through a proxy the SDK makes an agent for each call; one of ours would bypass the proxy.
  const settings = { keepAlive: true, maxSockets }
  const https = new HttpsAgent(settings)
  const http = new HttpAgent(settings)
  return {
    async prepare() {
      await sdk()
    },
    async connect(region, signal) {
      if (credentials === undefined) {
        throw new EnvelopeError('KMS_DENIED', 'tencentKms() was given no `credentials`')
      }
      const { CommonClient } = await sdk()
      const credential = await credentials.get(signal)
      const { protocol, host } = endpointOf(endpoint, region)
      const way = proxy === undefined ? { agent: protocol === 'http:' ? http : https } : { proxy }
      const client = new CommonClient(host, VERSION, {
        credential,
        region,
        profile: {
          language: 'en-US',
          // No time-out of the SDK's, which leaves a timer behind each body that fails: the signal is the deadline.
          httpProfile: { protocol: `${protocol}//`, endpoint: host, reqTimeout: 0, ...way },
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
