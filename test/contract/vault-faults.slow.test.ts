import { describe } from 'vitest'
import { vaultKms } from '../../src/kms/vault/index.js'
import { faultProxy } from '../support/fault-proxy.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao } from '../support/servers/openbao.js'
import { describeKmsFaults, REQUEST_TIMEOUT } from './kms-faults.js'

const NAME = 'transit.vault.example.com'

const answer = (status: number, text: string) =>
  ({ kind: 'answer', status, body: JSON.stringify({ errors: [text] }) }) as const

describe.skipIf(whyNoOpenBao !== undefined)(suiteOnOpenBao, () => {
  describeKmsFaults('vault', async () => {
    const bao = await startOpenBao()
    await bao.admin('POST', 'transit/keys/orders', { derived: true })
    const proxy = await faultProxy(bao.url)
    return {
      proxy,
      provider: () =>
        vaultKms({
          address: proxy.url,
          name: NAME,
          auth: { method: 'token', token: bao.rootToken },
          requestTimeout: REQUEST_TIMEOUT,
        }),
      cmkId: `${NAME}/orders`,
      throttles: answer(429, 'request path "transit/x": rate limit quota exceeded'),
      denies: answer(403, 'permission denied'),
      teardown: () => bao.close(),
    }
  })
})
