import { describe } from 'vitest'
import { vaultKms } from '../../../src/kms/vault/index.js'
import { faultProxy } from '../../support/fault-proxy.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao } from '../../support/servers/openbao.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'

const NAME = 'transit.vault.example.com'
const READ = 'path "transit/keys/orders" { capabilities = ["read"] }'
const may = (path: string): string => `${READ}\npath "transit/${path}/orders" { capabilities = ["update"] }`

describe.skipIf(whyNoOpenBao !== undefined)(suiteOnOpenBao, () => {
  describeKmsOnKafka('vaultKms', async () => {
    const bao = await startOpenBao()
    await bao.admin('POST', 'transit/keys/orders', { derived: true })
    const tokenWith = async (role: string, policy: string): Promise<string> => {
      await bao.admin('PUT', `sys/policies/acl/${role}`, { policy })
      return String((await bao.admin('POST', 'auth/token/create', { policies: [role] }))['client_token'])
    }
    const proxy = await faultProxy(bao.url)
    const sealing = await tokenWith('sealing', may('datakey/plaintext'))
    const reading = await tokenWith('reading', may('decrypt'))
    return {
      cmkId: `${NAME}/orders`,
      proxy,
      sealing: () => vaultKms({ address: proxy.url, name: NAME, auth: { method: 'token', token: sealing } }),
      reading: {
        module: new URL('reading/vault.ts', import.meta.url).href,
        options: { address: bao.url, name: NAME, auth: { method: 'token', token: reading } },
      },
      rotate: async () => {
        await bao.admin('POST', 'transit/keys/orders/rotate')
      },
      setEnabled: async (enabled) => {
        if (enabled) await bao.admin('POST', 'transit/keys/orders/soft-delete-restore')
        else await bao.admin('DELETE', 'transit/keys/orders/soft-delete')
      },
      teardown: () => bao.close(),
    }
  })
})
