import { randomBytes } from 'node:crypto'
import { describe } from 'vitest'
import { pkcs11Kms } from '../../../src/kms/pkcs11/index.js'
import {
  makeFaultySoftHsm,
  suiteOnFaultyModule,
  whyNoFaultyModule,
} from '../../support/softhsm/faulty-module.js'
import { makeSoftHsm } from '../../support/softhsm/softhsm.js'
import { describeKmsOnKafka } from './kms-on-kafka.js'

const DEVICE_REMOVED = 0x32

// An HSM knows one user, who may do what the attributes of the keys say. So the reader has an HSM of its own, with
// copies of the keys that may only decrypt.
describe.skipIf(whyNoFaultyModule !== undefined)(suiteOnFaultyModule, () => {
  describeKmsOnKafka('pkcs11Kms', async () => {
    const [sealing, reading] = [await makeFaultySoftHsm(), await makeSoftHsm()]
    /** A rotation is a new key with a higher CKA_ID. Readers get it first. */
    const addVersion = async (ID: string): Promise<void> => {
      const VALUE = randomBytes(32).toString('hex')
      await reading.change({ action: 'create', key: 'orders', set: { ID, VALUE, ENCRYPT: false } })
      await sealing.change({ action: 'create', key: 'orders', set: { ID, VALUE } })
    }
    await addVersion('01')
    return {
      cmkId: 'pkcs11:token=payments;object=orders',
      sealing: () => pkcs11Kms({ library: sealing.library, token: sealing.token, pin: sealing.pin }),
      // No proxy fits before a module: the HSM is away because its module says so.
      proxy: {
        inject: () => {
          sealing.inject({ at: '*', kind: 'fails', number: DEVICE_REMOVED })
        },
        heal: () => {
          sealing.heal()
        },
        close: () => Promise.resolve(),
      },
      reading: {
        module: new URL('reading/pkcs11.ts', import.meta.url).href,
        options: {
          library: reading.library,
          token: reading.token,
          pin: reading.pin,
          conf: reading.conf,
        },
      },
      rotate: () => addVersion('02'),
      setEnabled: (enabled) => reading.change({ action: 'change', key: 'orders', set: { DECRYPT: enabled } }),
      teardown: async () => {
        await sealing.close()
        await reading.close()
      },
    }
  })
})
