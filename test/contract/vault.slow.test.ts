import { describe } from 'vitest'
import { vaultKms } from '../../src/kms/vault/index.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao } from '../support/servers/openbao.js'
import { describeKmsContract } from './kms-contract.js'

const NAME = 'transit.vault.example.com'

describe.skipIf(whyNoOpenBao !== undefined)(suiteOnOpenBao, () => {
  describeKmsContract('vault', async () => {
    const bao = await startOpenBao()
    for (const key of ['orders', 'other']) await bao.admin('POST', `transit/keys/${key}`, { derived: true })
    return {
      kms: vaultKms({ address: bao.url, name: NAME, auth: { method: 'token', token: bao.rootToken } }),
      cmkId: `${NAME}/orders`,
      otherCmkId: `${NAME}/other`,
      unknownCmkId: `${NAME}/unknown`,
      description: { provider: 'vault-transit', publicKeyWraps: false },
      rewraps: 'to new versions',
      describesFromConfiguration: true,
      setEnabled: async (enabled) => {
        if (enabled) await bao.admin('POST', 'transit/keys/orders/soft-delete-restore')
        else await bao.admin('DELETE', 'transit/keys/orders/soft-delete')
      },
      rotate: async () => {
        await bao.admin('POST', 'transit/keys/orders/rotate')
      },
      removeOther: async () => {
        await bao.admin('POST', 'transit/keys/other/config', { deletion_allowed: true })
        await bao.admin('DELETE', 'transit/keys/other')
      },
      secrets: () => Promise.resolve([Buffer.from(bao.rootToken)]),
      teardown: () => bao.close(),
    }
  })
})
