import { describe, expect, it } from 'vitest'
import { nextTurn, systemClock } from '../../../src/clock.js'
import { AwsApi } from '../../../src/kms/aws/api.js'
import { givenClients, type Connections } from '../../../src/kms/aws/client.js'
import { parseCmkArn, type CmkArn } from '../../../src/kms/aws/cmk-arn.js'
import { sdkClients } from '../../../src/kms/aws/sdk-clients.js'
import { loadSdk, type AwsSdk } from '../../../src/kms/aws/sdk.js'
import { thrownBy } from '../../support/emissions.js'
import { clientThat, CMK, SECRET, signal } from './service.js'

const cmk = parseCmkArn(CMK) as CmkArn
const timeoutMs = 10_000

/** An SDK whose import ends when a test says so. Counts the clients that were made, and those that were not destroyed. */
async function slowSdk() {
  const real = await loadSdk()
  const clients = { made: 0, open: 0 }
  class KMSClient extends real.KMSClient {
    constructor(...config: ConstructorParameters<AwsSdk['KMSClient']>) {
      super(...config)
      clients.made++
      clients.open++
    }
    override destroy(): void {
      super.destroy()
      clients.open--
    }
  }
  let loaded = (): void => undefined
  const loading = new Promise<AwsSdk>((resolve) => {
    loaded = () => {
      resolve({ ...real, KMSClient })
    }
  })
  return { sdk: () => loading, loaded, clients }
}

const own = (sdk: () => Promise<AwsSdk>): Connections =>
  sdkClients({
    sdk,
    credentials: { ...SECRET },
    endpoint: undefined,
    maxSockets: 1,
    timeoutMs,
    clock: systemClock,
  })

/** Long enough for everything that waits for the import alone. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn()
}

describe('closing while the SDK of AWS is being loaded', () => {
  it.each<[string, (sdk: () => Promise<AwsSdk>) => Connections]>([
    ['clients of the library', own],
    ['clients of the application', () => givenClients(() => clientThat(() => undefined))],
  ])('closing while the SDK of AWS is being loaded ends calls at once, with %s', async (_, connectionsOf) => {
    const { sdk, loaded, clients } = await slowSdk()
    const api = new AwsApi({ sdk, connections: connectionsOf(sdk), timeoutMs, clock: systemClock })
    const failures = [
      thrownBy(() => api.call('Decrypt', cmk, {}, signal)),
      thrownBy(() => api.prepare(signal)),
    ]
    api.close()
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
    loaded()
    await settled()
    expect(clients).toEqual({ made: 0, open: 0 })
  })

  it('a call that is cancelled while the SDK of AWS is being loaded ends at once', async () => {
    const { sdk } = await slowSdk()
    const api = new AwsApi({ sdk, connections: own(sdk), timeoutMs, clock: systemClock })
    const cancelling = new AbortController()
    const failures = [
      thrownBy(() => api.call('Decrypt', cmk, {}, cancelling.signal)),
      thrownBy(() => api.prepare(cancelling.signal)),
    ]
    cancelling.abort()
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'KMS_TIMEOUT' })
  })

  it('closing destroys the clients of the SDK of AWS that were made before', async () => {
    const { sdk, loaded, clients } = await slowSdk()
    loaded()
    const connections = own(sdk)
    await connections.connect(cmk.region, signal)
    expect(clients).toEqual({ made: 1, open: 1 })
    connections.close()
    expect(clients).toEqual({ made: 1, open: 0 })
  })
})
