import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ErrorCode } from '../../../src/errors.js'
import { createEncryption, type Encryption } from '../../../src/index.js'
import type { TencentCmkOptions } from '../../../src/kms/tencent/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import { thrownBy } from '../../support/emissions.js'
import {
  CMK,
  failed,
  json,
  KEY_ID,
  ok,
  raw,
  REQUEST_ID,
  reset,
  rsaCmk,
  serviceForTests,
  symmetricCmks,
  type Asked,
  type Reply,
} from './service.js'

/** Symmetric and RSA CMKs, as the service has them. */
function cmks(): (asked: Asked) => Reply {
  const symmetric = symmetricCmks()
  return (asked) => (/PublicKey|Rsa/.test(asked.action) ? rsaCmk(asked) : symmetric(asked))
}

const under = serviceForTests(cmks)
const open: Encryption[] = []
beforeEach(() => {
  // The pauses between attempts are random: here the shortest, of hundreds of calls.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const each of open.splice(0)) await each.close()
})

/** The right answer to each action, but for one member. */
function altered(members: Readonly<Record<string, unknown>>): Reply {
  const right = {
    KeyId: KEY_ID,
    Plaintext: Buffer.alloc(32, 1).toString('base64'),
    CiphertextBlob: 'a-k-b-k-c',
  }
  return ok({ ...right, PublicKey: Buffer.alloc(32, 1).toString('base64'), ...members })
}

/** An error in the vendor's form, with what a gateway could make of its RequestId. */
function refusal(Code: unknown, RequestId: unknown): Reply {
  return json({ Response: { Error: { Code, Message: 'no' }, RequestId } })
}

const shown = (value: unknown): string =>
  value === undefined ? 'undefined' : JSON.stringify(value).slice(0, 20)

const SEALING = ['GenerateDataKey', 'Encrypt', 'GetPublicKey'] as const
const OPENING = ['Decrypt', 'AsymmetricRsaDecrypt'] as const
type Action = (typeof SEALING)[number] | (typeof OPENING)[number]
const ALL: readonly Action[] = [...SEALING, ...OPENING]
const WITH_PLAINTEXT: readonly Action[] = ['GenerateDataKey', ...OPENING]

interface Row {
  readonly what: string
  readonly reply: Reply
  /** Our code for it; for an opening, the code of the record's error. */
  readonly code: ErrorCode
  /** All actions unless said. */
  readonly actions?: readonly Action[]
}

/** Not from the KMS, or not an answer to the call: the call is retried, and a grace continues. */
const TRANSIENT: readonly Row[] = [
  { what: "a gateway's 404 with HTML", reply: raw(404, '<h1>not found</h1>'), code: 'KMS_RESPONSE_INVALID' },
  { what: "a gateway's 400", reply: raw(400, 'bad request'), code: 'KMS_RESPONSE_INVALID' },
  { what: "a gateway's 401", reply: raw(401, ''), code: 'KMS_RESPONSE_INVALID' },
  { what: "a gateway's 403", reply: raw(403, '<h1>blocked</h1>'), code: 'KMS_RESPONSE_INVALID' },
  { what: "a proxy's 407", reply: raw(407, ''), code: 'KMS_UNAVAILABLE' },
  { what: '429', reply: raw(429, ''), code: 'KMS_THROTTLED' },
  { what: '502 with HTML', reply: raw(502, '<h1>bad gateway</h1>'), code: 'KMS_UNAVAILABLE' },
  { what: '204 with nothing', reply: raw(204, ''), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a page of HTML with 200', reply: raw(200, '<h1>Welcome</h1>'), code: 'KMS_RESPONSE_INVALID' },
  {
    what: 'JSON that ends early',
    reply: raw(200, '{"Response":{"KeyId"', 'application/json'),
    code: 'KMS_RESPONSE_INVALID',
  },
  { what: 'a reset', reply: reset, code: 'KMS_UNAVAILABLE' },
  { what: '{}', reply: json({}), code: 'KMS_RESPONSE_INVALID' },
  { what: 'null', reply: json(null), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a list', reply: json([]), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a Response that is a text', reply: json({ Response: 'ok' }), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a Response that is a list', reply: json({ Response: [] }), code: 'KMS_RESPONSE_INVALID' },
  { what: 'an empty Response', reply: json({ Response: {} }), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a RequestId alone', reply: ok({}), code: 'KMS_RESPONSE_INVALID' },
  { what: 'no KeyId', reply: altered({ KeyId: undefined }), code: 'KMS_RESPONSE_INVALID' },
  { what: 'an empty KeyId', reply: altered({ KeyId: '' }), code: 'KMS_RESPONSE_INVALID' },
  { what: 'a KeyId that is a number', reply: altered({ KeyId: 7 }), code: 'KMS_RESPONSE_INVALID' },
  {
    what: 'the KeyId of another CMK',
    reply: altered({ KeyId: 'other' }),
    code: 'KMS_RESPONSE_INVALID',
    actions: [...SEALING, 'AsymmetricRsaDecrypt'],
  },
  ...[undefined, null, '', 7, [], '?', 'AA='].map((Plaintext): Row => ({
    what: `a Plaintext that is ${shown(Plaintext)}`,
    reply: altered({ Plaintext }),
    code: 'KMS_RESPONSE_INVALID',
    actions: WITH_PLAINTEXT,
  })),
  ...[undefined, null, '', 7, {}, 'a b', 'x'.repeat(1025)].map((CiphertextBlob): Row => ({
    what: `a CiphertextBlob that is ${shown(CiphertextBlob)}`,
    reply: altered({ CiphertextBlob }),
    code: 'KMS_RESPONSE_INVALID',
    actions: ['GenerateDataKey', 'Encrypt'],
  })),
  ...[undefined, null, '', 7, '?', 'AAAA'].map((PublicKey): Row => ({
    what: `a PublicKey that is ${shown(PublicKey)}`,
    reply: altered({ PublicKey }),
    code: 'KMS_RESPONSE_INVALID',
    actions: ['GetPublicKey'],
  })),
  ...[undefined, null, '', 7, 'ECONNRESET', 'not a code', 'x'.repeat(101)].map((code): Row => ({
    what: `an Error with the code ${shown(code)}`,
    reply: refusal(code, REQUEST_ID),
    code: 'KMS_UNAVAILABLE',
  })),
  { what: 'InternalError', reply: failed('InternalError'), code: 'KMS_UNAVAILABLE' },
  { what: 'FailedOperation', reply: failed('FailedOperation'), code: 'KMS_UNAVAILABLE' },
  {
    what: 'a sub-code of FailedOperation',
    reply: failed('FailedOperation.OfTomorrow'),
    code: 'KMS_UNAVAILABLE',
  },
  { what: 'an unknown code', reply: failed('SomethingNew'), code: 'KMS_UNAVAILABLE' },
]

/** The word of the service itself: nothing is asked again, and a grace ends. */
const FINAL: readonly Row[] = [
  { what: 'UnauthorizedOperation', reply: failed('UnauthorizedOperation'), code: 'KMS_DENIED' },
  { what: 'a CMK that is disabled', reply: failed('ResourceUnavailable.CmkDisabled'), code: 'CMK_DISABLED' },
  { what: 'InvalidParameter', reply: failed('InvalidParameter'), code: 'KMS_REFUSED' },
  ...[undefined, '', 7, 'req/1: another form', 'x'.repeat(100)].map((requestId): Row => ({
    what: `a denial with the RequestId ${shown(requestId)}`,
    reply: refusal('UnauthorizedOperation', requestId),
    code: 'KMS_DENIED',
  })),
  {
    what: 'InvalidCiphertext',
    reply: failed('InvalidParameterValue.InvalidCiphertext'),
    code: 'CIPHERTEXT_DEK_INVALID',
    actions: OPENING,
  },
  {
    what: 'DecryptError',
    reply: failed('FailedOperation.DecryptError'),
    code: 'CIPHERTEXT_DEK_INVALID',
    actions: ['AsymmetricRsaDecrypt'],
  },
]

/** The library itself blames the record for the answer, after two such answers. */
const ODD: readonly Row[] = [
  {
    what: 'the KeyId of another CMK',
    reply: altered({ KeyId: 'other' }),
    code: 'UNWRAP_FAILED',
    actions: ['Decrypt'],
  },
  {
    what: 'a Plaintext of 16 bytes',
    reply: altered({ Plaintext: Buffer.alloc(16).toString('base64') }),
    code: 'UNWRAP_FAILED',
    actions: OPENING,
  },
]

const each = (rows: readonly Row[]): { what: string; action: Action; reply: Reply; code: ErrorCode }[] =>
  rows.flatMap(({ actions = ALL, ...row }) => actions.map((action) => ({ ...row, action })))

/** The CMK that makes the library call each action. */
const CMKS: Readonly<Record<Action, TencentCmkOptions>> = {
  GenerateDataKey: { type: 'symmetric' },
  Encrypt: { type: 'symmetric', dek: 'encrypt' },
  GetPublicKey: { type: 'rsa-2048' },
  Decrypt: { type: 'symmetric' },
  AsymmetricRsaDecrypt: { type: 'rsa-2048' },
}

async function owner(
  action: Action,
  { kmsRetries = 2, grace = 0 }: { kmsRetries?: number; grace?: '1h' | 0 } = {},
): Promise<Encryption> {
  const encryption = await createEncryption({
    kms: { tencent: under.kms({ cmks: { [CMK]: CMKS[action] } }) },
    cmks: { main: [{ kms: 'tencent', id: CMK }] },
    topics: [
      {
        match: ['t'],
        encrypt: {
          cmk: 'main',
          rotate: { maxMessages: 1, allowFrequentRotation: true, prefetch: 0, grace },
        },
        decrypt: { cmk: 'main', acceptPublicKeySealing: true },
      },
    ],
    kmsRetries,
  })
  open.push(encryption)
  return encryption
}

/** Gives `reply` to the next calls of `action`, and right answers to all others. */
function strange(action: Action, reply: Reply, times: number): void {
  const right = under.service.answer
  let left = times
  under.service.answer = (asked) => (asked.action === action && left-- > 0 ? reply : right(asked))
  under.service.asked.length = 0
}

const asked = (action: Action): number => under.actions().filter((each) => each === action).length
const seal = (by: Encryption) => sealRecords(by, [{ topic: 't', value: 'v' }])

/** Does what makes the call, at which the service answers strangely so often. */
async function done(action: Action, reply: Reply, times: number, kmsRetries?: number): Promise<unknown> {
  const sealing = await owner(action)
  if ((SEALING as readonly string[]).includes(action)) {
    const fresh = await owner(action, { kmsRetries: kmsRetries ?? 2 })
    strange(action, reply, times)
    return seal(fresh).then(
      () => undefined,
      (error: unknown) => error,
    )
  }
  const sealed = await seal(sealing)
  const fresh = await owner(action, { kmsRetries: kmsRetries ?? 2 })
  strange(action, reply, times)
  return (await openRecords(fresh, sealed))[0]?.error
}

describe('an answer that did not come from the KMS, or does not answer the call', () => {
  it.each(each(TRANSIENT))(
    'an answer from elsewhere, or to another question ($what to $action), is transient, and the call is retried',
    async ({ action, reply, code }) => {
      expect(await done(action, reply, Infinity, 0)).toMatchObject({
        code,
        kind: 'transient',
        retriable: true,
      })
      expect(asked(action)).toBe(1)
      under.service.answer = cmks()
      expect(await done(action, reply, 1)).toBeUndefined()
      expect(asked(action)).toBe(2)
    },
  )

  it.each(each(TRANSIENT).filter(({ action }) => action === 'GenerateDataKey' || action === 'Encrypt'))(
    'an answer from elsewhere, or to another question ($what to $action), lets a grace continue',
    async ({ action, reply, code }) => {
      const sealing = await owner(action, { kmsRetries: 0, grace: '1h' })
      const graces: string[] = []
      sealing.on('dek.grace', (event) => graces.push(event.code))
      await seal(sealing)
      strange(action, reply, Infinity)
      await seal(sealing)
      expect(graces).toEqual([code])
      expect(sealing.health()).toMatchObject({
        status: 'degraded',
        sealingKeys: [{ state: 'grace', failure: code }],
      })
    },
  )
})

describe('a refusal by the KMS itself', () => {
  it.each(each(FINAL))(
    'a refusal by the KMS itself ($what to $action) is final, and the call is made once',
    async ({ action, reply, code }) => {
      const found = (await done(action, reply, Infinity)) as { code: string; kind: string }
      // Of a record, the ciphertext DEK is to blame.
      expect(found.code).toBe(code === 'CIPHERTEXT_DEK_INVALID' ? 'UNWRAP_FAILED' : code)
      expect(found.kind).not.toBe('transient')
      expect(asked(action)).toBe(1)
    },
  )

  it.each(each(FINAL).filter(({ action }) => action === 'GenerateDataKey' || action === 'Encrypt'))(
    'a refusal by the KMS itself ($what to $action) ends a grace',
    async ({ action, reply, code }) => {
      const sealing = await owner(action, { kmsRetries: 0, grace: '1h' })
      await seal(sealing)
      strange(action, reply, Infinity)
      expect(await thrownBy(() => seal(sealing))).toMatchObject({ code })
    },
  )
})

describe('an answer that no genuine ciphertext DEK can have', () => {
  it.each(each(ODD))(
    'an impossible answer ($what to $action) blames the record if it comes twice, and is forgotten if it comes once',
    async ({ action, reply, code }) => {
      expect(await done(action, reply, Infinity)).toMatchObject({ code, kind: 'invalid' })
      expect(asked(action)).toBe(2)
      under.service.answer = cmks()
      expect(await done(action, reply, 1)).toBeUndefined()
      expect(asked(action)).toBe(2)
    },
  )
})
