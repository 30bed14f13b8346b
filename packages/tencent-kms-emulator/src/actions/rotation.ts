import { randomUUID } from 'node:crypto'

import * as v from 'valibot'

import { action, integer, NOT_HERE, type Action, type ActionCall } from '../action.js'
import { onlyIn, requireState, requireUsage, type Cmk } from '../cmk.js'
import { Refusal } from '../refusal.js'

const { MemberAccount } = NOT_HERE
const oneKey = v.strictObject({ KeyId: v.string(), MemberAccount })
const DEFAULT_DAYS = 365

export const rotationActions: readonly Action[] = [
  action({
    name: 'EnableKeyRotation',
    parameters: v.strictObject({
      KeyId: v.string(),
      RotateDays: v.optional(integer(7, 365)),
      MemberAccount,
    }),
    run({ KeyId, RotateDays }, call) {
      call.keys.setRotation(rotatable(call, KeyId), RotateDays ?? DEFAULT_DAYS)
      return {}
    },
  }),
  action({
    name: 'DisableKeyRotation',
    parameters: oneKey,
    run({ KeyId }, call) {
      call.keys.setRotation(call.cmk(KeyId), undefined)
      return {}
    },
  }),
  action({
    name: 'GetKeyRotationStatus',
    parameters: oneKey,
    run: ({ KeyId }, call) => ({ KeyRotationEnabled: call.cmk(KeyId).rotation !== undefined }),
  }),
  action({
    name: 'RotateKey',
    quota: { perSecond: 20 },
    parameters: oneKey,
    run({ KeyId }, call) {
      const cmk = call.cmk(KeyId)
      requireState(cmk, onlyIn('Enabled'))
      call.keys.rotateOnRequest(cmk)
      return { TaskId: randomUUID() }
    },
  }),
]

function rotatable(call: ActionCall, keyId: string): Cmk {
  const cmk = call.cmk(keyId)
  // Its list has no InvalidKeyUsage.
  requireUsage(cmk, 'ENCRYPT_DECRYPT', 'InvalidParameter')
  if (cmk.origin === 'EXTERNAL') {
    throw new Refusal('UnsupportedOperation.ExternalCmkCanNotRotate', 'An imported CMK does not rotate.')
  }
  requireState(cmk, onlyIn('Enabled'))
  return cmk
}
