import * as v from 'valibot'

import { action, given, integer, NOT_HERE, type Action } from '../action.js'
import type { Cmk, CmkState } from '../cmk.js'
import { metadataOf } from './key-metadata.js'
import { distinct } from './manage.js'

const page = {
  Offset: v.optional(integer(0, 2 ** 31)),
  Limit: v.optional(integer(1, 200)),
  /** 1: keys that the vendor's other products made. There are none here. */
  Role: v.optional(integer(0, 1)),
  HsmClusterId: NOT_HERE.HsmClusterId,
}
type Page = Readonly<Partial<Record<'Offset' | 'Limit' | 'Role', number | undefined>>>

/** "ListKeys lists the KeyIds of CMKs in Enabled, Disabled and PendingImport." */
const LISTED: readonly CmkState[] = ['Enabled', 'Disabled', 'PendingImport']
/** By the number that ListKeyDetail filters with; 0 is all. */
const STATES: readonly (CmkState | undefined)[] = [
  undefined,
  'Enabled',
  'Disabled',
  'PendingDelete',
  'PendingImport',
  'Archived',
]

export const listActions: readonly Action[] = [
  action({
    name: 'ListKeys',
    parameters: v.strictObject(page),
    run(parameters, call) {
      call.requireGeneral()
      const cmks = call.keys.in(call.region).filter(({ state }) => LISTED.includes(state))
      const { shown, total } = pageOf(cmks, parameters)
      return { Keys: shown.map(({ keyId }) => ({ KeyId: keyId })), TotalCount: total }
    },
  }),
  action({
    name: 'ListKeyDetail',
    parameters: v.strictObject({
      ...page,
      OrderType: v.optional(integer(0, 1)),
      KeyState: v.optional(integer(0, STATES.length - 1)),
      SearchKeyAlias: v.optional(v.string()),
      Origin: v.optional(v.picklist(['TENCENT_KMS', 'EXTERNAL', 'ALL', ''])),
      KeyUsage: v.optional(v.string()),
      TagFilters: v.optional(
        v.array(v.strictObject({ TagKey: v.string(), TagValue: v.optional(v.array(v.string())) })),
      ),
      MemberAccounts: NOT_HERE.MemberAccounts,
    }),
    run(parameters, call) {
      call.requireGeneral()
      const state = STATES[parameters.KeyState ?? 0]
      const { Origin: origin = 'ALL', SearchKeyAlias: search = '', TagFilters: filters = [] } = parameters
      // "ENCRYPT_DECRYPT where it is empty."
      const usage = given(parameters.KeyUsage) ?? 'ENCRYPT_DECRYPT'
      const found = call.keys
        .in(call.region)
        .filter((cmk) => state === undefined || cmk.state === state)
        .filter((cmk) => origin === 'ALL' || origin === '' || cmk.origin === origin)
        .filter((cmk) => usage === 'ALL' || cmk.usage === usage)
        .filter(({ tags = [] }) =>
          // Every filter must find a tag with its key and, if the filter names values, one of them.
          filters.every(({ TagKey, TagValue: values = [] }) =>
            tags.some(
              (tag) => tag.TagKey === TagKey && (values.length === 0 || values.includes(tag.TagValue)),
            ),
          ),
        )
        .filter((cmk) => cmk.alias.includes(search) || cmk.keyId.includes(search))
      const ordered = parameters.OrderType === 1 ? found : [...found].reverse()
      const { shown, total } = pageOf(ordered, parameters)
      return { KeyMetadatas: shown.map(metadataOf), TotalCount: total }
    },
  }),
  action({
    name: 'DescribeKey',
    parameters: v.strictObject({ KeyId: v.string(), MemberAccount: NOT_HERE.MemberAccount }),
    run: ({ KeyId }, call) => ({ KeyMetadata: metadataOf(call.cmk(KeyId)) }),
  }),
  action({
    name: 'DescribeKeys',
    parameters: v.strictObject({ KeyIds: v.array(v.string()), MemberAccount: NOT_HERE.MemberAccount }),
    run: ({ KeyIds }, call) => ({ KeyMetadatas: distinct(KeyIds, call).map(metadataOf) }),
  }),
]

function pageOf(cmks: readonly Cmk[], { Offset = 0, Limit = 10, Role = 0 }: Page) {
  const own = Role === 0 ? cmks : []
  return { shown: own.slice(Offset, Offset + Limit), total: own.length }
}
