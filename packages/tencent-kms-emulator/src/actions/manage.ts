import * as v from 'valibot'

import { action, given, integer, NOT_HERE, tags, type Action, type ActionCall } from '../action.js'
import {
  onlyIn,
  requireState,
  USAGES,
  USAGES_ELSEWHERE,
  type Cmk,
  type CmkState,
  type CmkUsage,
  type StateCodes,
} from '../cmk.js'
import { Refusal } from '../refusal.js'
import { summaryOf } from './key-metadata.js'

const { HsmClusterId, MemberAccount } = NOT_HERE
const oneKey = v.strictObject({ KeyId: v.string(), MemberAccount })
const manyKeys = v.strictObject({ KeyIds: v.array(v.string()), MemberAccount })
const MAX_KEY_IDS = 100

export const manageActions: readonly Action[] = [
  action({
    name: 'CreateKey',
    parameters: v.strictObject({
      Alias: v.string(),
      Description: v.optional(v.string()),
      KeyUsage: v.optional(v.string()),
      Type: v.optional(v.number()),
      Tags: tags,
      HsmClusterId,
    }),
    run({ Alias, Description, KeyUsage, Type, Tags = [] }, call) {
      call.requireGeneral()
      if (new Set(Tags.map(({ TagKey }) => TagKey)).size !== Tags.length) {
        throw new Refusal('InvalidParameterValue.TagKeysDuplicated', 'A tag key is given twice.')
      }
      const usage = usageOf(given(KeyUsage) ?? 'ENCRYPT_DECRYPT')
      const cmk = call.keys.create({
        alias: Alias,
        usage,
        origin: originOf(Type ?? 1, usage),
        region: call.region,
        description: Description ?? '',
        tags: Tags,
      })
      return { ...summaryOf(cmk), TagCode: 0, TagMsg: '' }
    },
  }),
  action({
    name: 'UpdateAlias',
    parameters: v.strictObject({ KeyId: v.string(), Alias: v.string(), MemberAccount }),
    run({ KeyId, Alias }, call) {
      const cmk = call.cmk(KeyId)
      requireState(cmk, BEFORE_DELETION)
      call.keys.setAlias(cmk, Alias)
      return {}
    },
  }),
  action({
    name: 'UpdateKeyDescription',
    parameters: v.strictObject({ KeyId: v.string(), Description: v.string(), MemberAccount }),
    run({ KeyId, Description }, call) {
      const cmk = call.cmk(KeyId)
      requireState(cmk, BEFORE_DELETION)
      call.keys.setDescription(cmk, Description)
      return {}
    },
  }),
  // An action that leaves a key in its present state succeeds (assumed).
  moves('EnableKey', ['Enabled', 'Disabled'], 'Enabled'),
  moves('DisableKey', ['Enabled', 'Disabled'], 'Disabled'),
  moves('ArchiveKey', ['Enabled', 'Disabled', 'Archived'], 'Archived'),
  moves('CancelKeyArchive', ['Archived'], 'Enabled'),
  movesMany('EnableKeys', ['Enabled', 'Disabled'], 'Enabled'),
  movesMany('DisableKeys', ['Enabled', 'Disabled'], 'Disabled'),
  action({
    name: 'ScheduleKeyDeletion',
    parameters: v.strictObject({
      KeyId: v.string(),
      PendingWindowInDays: integer(0, 2 ** 31),
      MemberAccount,
    }),
    run({ KeyId, PendingWindowInDays: days }, call) {
      if (days < 7 || days > 30) {
        throw new Refusal(
          'InvalidParameter.InvalidPendingWindowInDays',
          'PendingWindowInDays is from 7 to 30.',
        )
      }
      const cmk = call.cmk(KeyId)
      requireState(cmk, { ...onlyIn('Disabled'), Enabled: 'ResourceUnavailable.CmkShouldBeDisabled' })
      call.keys.setState(cmk, 'PendingDelete', days)
      return { KeyId: cmk.keyId, DeletionDate: cmk.deleteAt }
    },
  }),
  action({
    name: 'CancelKeyDeletion',
    parameters: oneKey,
    run({ KeyId }, call) {
      const cmk = call.cmk(KeyId)
      if (cmk.state !== 'PendingDelete') {
        throw new Refusal(
          'ResourceUnavailable.CmkNotPendingDelete',
          'The CMK is not in the state PendingDelete.',
        )
      }
      call.keys.setState(cmk, 'Disabled')
      return { KeyId: cmk.keyId }
    },
  }),
]

/** "A CMK in the state PendingDelete must not be modified." The lists have no code for a state. */
const BEFORE_DELETION: StateCodes = {
  ...onlyIn('Enabled', 'Disabled', 'PendingImport', 'Archived'),
  PendingDelete: 'InvalidParameter',
}

function moves(name: string, from: readonly CmkState[], to: CmkState): Action {
  return action({
    name,
    parameters: oneKey,
    run({ KeyId }, call) {
      const cmk = call.cmk(KeyId)
      requireState(cmk, onlyIn(...from))
      call.keys.setState(cmk, to)
      return {}
    },
  })
}

/** Changes all keys, or none if one of them cannot be changed. */
function movesMany(name: string, from: readonly CmkState[], to: CmkState): Action {
  return action({
    name,
    parameters: manyKeys,
    run({ KeyIds }, call) {
      const cmks = distinct(KeyIds, call)
      for (const cmk of cmks) requireState(cmk, onlyIn(...from))
      for (const cmk of cmks) call.keys.setState(cmk, to)
      return {}
    },
  })
}

/** @throws Refusal InvalidParameter, InvalidParameterValue.DuplicatedKeyId, and the refusals of a single key */
export function distinct(keyIds: readonly string[], call: ActionCall): Cmk[] {
  if (keyIds.length === 0 || keyIds.length > MAX_KEY_IDS) {
    throw new Refusal('InvalidParameter', 'KeyIds has 1 to 100 members.')
  }
  if (new Set(keyIds).size !== keyIds.length) {
    throw new Refusal('InvalidParameterValue.DuplicatedKeyId', 'A KeyId is given twice.')
  }
  return keyIds.map((keyId) => call.cmk(keyId))
}

function usageOf(text: string): CmkUsage {
  const usage = USAGES.find((known) => known === text)
  if (usage !== undefined) return usage
  if (USAGES_ELSEWHERE.includes(text)) {
    throw new Refusal(
      'UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion',
      `This emulator has no ${text} in any region.`,
    )
  }
  throw new Refusal('InvalidParameterValue.InvalidKeyUsage', 'KeyUsage is unknown.')
}

function originOf(type: number, usage: CmkUsage): 'TENCENT_KMS' | 'EXTERNAL' {
  if (type === 1) return 'TENCENT_KMS'
  if (type === 2 && usage === 'ENCRYPT_DECRYPT') return 'EXTERNAL'
  throw new Refusal('InvalidParameterValue.InvalidType', 'Type is 1, or 2 for a symmetric CMK.')
}
