import { describe } from 'vitest'
import { pkcs11Kms } from '../../src/kms/pkcs11/index.js'
import { makeSoftHsmHere, suiteOnSoftHsm, whyNoSoftHsm } from '../support/softhsm/softhsm.js'
import { describeKmsContract } from './kms-contract.js'

describe.skipIf(whyNoSoftHsm !== undefined)(suiteOnSoftHsm, () => {
  describeKmsContract('pkcs11', async () => {
    const hsm = await makeSoftHsmHere()
    await hsm.change(
      { action: 'create', key: 'orders', set: { ID: '01' } },
      { action: 'create', key: 'other', set: { ID: '01' } },
    )
    let versions = 1
    return {
      kms: pkcs11Kms({ library: hsm.library, token: hsm.token, pin: hsm.pin }),
      cmkId: `pkcs11:token=${hsm.token};object=orders`,
      otherCmkId: `pkcs11:token=${hsm.token};object=other`,
      unknownCmkId: `pkcs11:token=${hsm.token};object=unknown`,
      description: { provider: 'pkcs11', publicKeyWraps: false },
      describesFromConfiguration: true,
      setEnabled: (enabled) =>
        hsm.change({ action: 'change', key: 'orders', set: { ENCRYPT: enabled, DECRYPT: enabled } }),
      rotate: () =>
        hsm.change({
          action: 'create',
          key: 'orders',
          set: { ID: (++versions).toString(16).padStart(2, '0') },
        }),
      removeOther: () => hsm.change({ action: 'destroy', key: 'other' }),
      secrets: () => Promise.resolve([Buffer.from(hsm.pin)]),
      teardown: () => hsm.close(),
    }
  })
})
