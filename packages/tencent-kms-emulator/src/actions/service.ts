import { randomBytes } from 'node:crypto'

import * as v from 'valibot'

import { action, integer, type Action } from '../action.js'
import { REGIONS } from '../regions.js'

const nothing = v.strictObject({})

export const serviceActions: readonly Action[] = [
  action({
    name: 'GenerateRandom',
    quota: { perSecond: 150 },
    parameters: v.strictObject({ NumberOfBytes: integer(1, 1024) }),
    run({ NumberOfBytes }, call) {
      call.requireGeneral()
      return { Plaintext: randomBytes(NumberOfBytes).toString('base64') }
    },
  }),
  action({
    name: 'ListAlgorithms',
    parameters: nothing,
    run(_, call) {
      call.requireGeneral()
      return {
        SymmetricAlgorithms: [{ KeyUsage: 'ENCRYPT_DECRYPT', Algorithm: 'AES_256' }],
        AsymmetricAlgorithms: [{ KeyUsage: 'ASYMMETRIC_DECRYPT_RSA_2048', Algorithm: 'RSA_2048' }],
        AsymmetricSignVerifyAlgorithms: [],
      }
    },
  }),
  action({
    name: 'GetRegions',
    parameters: nothing,
    run: () => ({ Regions: REGIONS }),
  }),
  action({
    name: 'GetServiceStatus',
    parameters: nothing,
    run(_, call) {
      call.requireGeneral()
      return {
        ServiceEnabled: true,
        InvalidType: 1,
        UserLevel: 0,
        ProExpireTime: 0,
        ProRenewFlag: 0,
        ProResourceId: '',
        ExclusiveVSMEnabled: false,
        ExclusiveHSMEnabled: false,
        SubscriptionInfo: '',
        CmkUserCount: call.keys.in(call.region).length,
        CmkLimit: 200,
        ExclusiveHSMList: null,
        IsAllowedDataKeyHosted: false,
        DataKeyLimit: 0,
        FreeDataKeyLimit: 0,
        DataKeyUsedCount: 0,
        SyncTaskList: null,
        IsAllowedSync: false,
        QpsLimit: 300,
        QpsTotalLimit: 300,
        RegionsQps: null,
        ResourceZone: 0,
        ResourceRegion: 0,
      }
    },
  }),
]
