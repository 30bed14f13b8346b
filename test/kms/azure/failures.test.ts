import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/errors.js'
import { KNOWN_CODES, type Action } from '../../../src/kms/azure/failures.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { azureForTests, DEK, errorOf } from './service.js'

const under = azureForTests()

interface Answer {
  readonly httpStatus: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}
const error = (
  httpStatus: number,
  code: unknown,
  message = 'as the vendor says',
  inner?: unknown,
): Answer => ({
  httpStatus,
  body: { error: { code, message, ...(inner === undefined ? {} : { innererror: { code: inner } }) } },
})
const forbidden = (inner?: string) => error(403, 'Forbidden', 'no', inner)

const ALL: readonly Action[] = ['get', 'unwrapkey', 'encrypt', 'decrypt']

/** The error of the operation that calls `action`, if that is answered with `answer`. */
async function outcome(action: Action, answer: Answer) {
  const type = action === 'get' || action === 'unwrapkey' ? 'vault' : 'managed-hsm'
  const kms = under.kms(type)
  const call = under.call(type)
  const seals = action === 'get' || action === 'encrypt'
  const ciphertextDek = seals ? new Uint8Array() : await kms.wrapDek({ ...call, dek: DEK })
  under.emulator(type).instead = (operation) => (operation === action ? answer : undefined)
  const failure = await errorOf(
    seals ? kms.wrapDek({ ...call, dek: DEK }) : kms.unwrapDek({ ...call, ciphertextDek }),
  )
  under.emulator(type).instead = () => undefined
  return { failure, cmkId: call.cmkId }
}

type Row = [kmsCode: string, code: ErrorCode, answer: Answer, only?: readonly Action[]]
const OPENING: readonly Action[] = ['unwrapkey', 'decrypt']

/** Every code of the table. */
const ROWS: readonly Row[] = [
  ['Throttled', 'KMS_THROTTLED', error(429, 'Throttled')],
  ['TooManyRequests', 'KMS_THROTTLED', error(429, 'TooManyRequests')],
  ['InternalServerError', 'KMS_UNAVAILABLE', error(500, 'InternalServerError')],
  ['InternalError', 'KMS_UNAVAILABLE', error(500, 'InternalError')],
  ['ServiceUnavailable', 'KMS_UNAVAILABLE', error(503, 'ServiceUnavailable')],
  ['Unauthorized', 'KMS_DENIED', error(401, 'Unauthorized', 'AKV10032: Invalid issuer.')],
  ['Forbidden', 'KMS_DENIED', forbidden()],
  ['AccessDenied', 'KMS_DENIED', error(403, 'AccessDenied')],
  ['Forbidden.ForbiddenByRbac', 'KMS_DENIED', forbidden('ForbiddenByRbac')],
  ['Forbidden.ForbiddenByPolicy', 'KMS_DENIED', forbidden('ForbiddenByPolicy')],
  ['Forbidden.AccessDenied', 'KMS_DENIED', forbidden('AccessDenied')],
  ['Forbidden.ForbiddenByFirewall', 'KMS_DENIED', forbidden('ForbiddenByFirewall')],
  ['Forbidden.ForbiddenByConnection', 'KMS_DENIED', forbidden('ForbiddenByConnection')],
  ['KeyNotFound', 'CMK_NOT_FOUND', error(404, 'KeyNotFound')],
  ['VaultNotFound', 'CMK_NOT_FOUND', error(404, 'VaultNotFound')],
  ['Forbidden.KeyDisabled', 'CMK_DISABLED', forbidden('KeyDisabled')],
  ['Forbidden.KeyNotYetValid', 'CMK_UNUSABLE', forbidden('KeyNotYetValid')],
  ['Forbidden.KeyExpired', 'CMK_UNUSABLE', forbidden('KeyExpired')],
  ['BadParameter', 'KMS_REFUSED', error(400, 'BadParameter')],
  ['NotSupported', 'KMS_REFUSED', error(400, 'NotSupported')],
  [
    'BadParameter.Ciphertext',
    'CIPHERTEXT_DEK_INVALID',
    error(400, 'BadParameter', 'Error occurred while decoding OAEP padding.'),
    OPENING,
  ],
]

/** Codes without a row of their own, and other ways to say the same. */
const OTHERS: readonly Row[] = [
  ['Forbidden.SomethingElse', 'KMS_DENIED', forbidden('SomethingElse')],
  [
    'Forbidden.KeyDisabled',
    'CMK_DISABLED',
    { httpStatus: 403, body: { error: { code: 'Forbidden', innerError: { code: 'KeyDisabled' } } } },
  ],
  ['NeverHeardOf', 'KMS_UNAVAILABLE', error(400, 'NeverHeardOf')],
  ['VaultRequestTypeLimitReached', 'KMS_THROTTLED', error(429, 'VaultRequestTypeLimitReached')],
  ['Unauthorized', 'KMS_DENIED', { httpStatus: 401, body: {} }],
  [
    'BadParameter.Ciphertext',
    'CIPHERTEXT_DEK_INVALID',
    error(400, 'BadParameter', 'Unable to decrypt specified value with this key.'),
    OPENING,
  ],
  [
    'BadParameter.Ciphertext',
    'CIPHERTEXT_DEK_INVALID',
    error(400, 'BadParameter', 'The parameter is incorrect.\r\n'),
    OPENING,
  ],
  // Blames no record: it was not asked to open one.
  [
    'BadParameter',
    'KMS_REFUSED',
    error(400, 'BadParameter', 'Error occurred while decoding OAEP padding.'),
    ['get', 'encrypt'],
  ],
  [
    'BadParameter',
    'KMS_REFUSED',
    error(400, 'BadParameter', "Content of 'value' is not base64url."),
    OPENING,
  ],
]

describe('what the service answers', () => {
  it('every code of the table of Key Vault is tried here', () => {
    expect(ROWS.map(([kmsCode]) => kmsCode).sort()).toEqual([...KNOWN_CODES].sort())
  })

  it.each<Row>([...ROWS, ...OTHERS])('%s of Key Vault is %s', async (kmsCode, code, answer, only = ALL) => {
    for (const action of only) {
      const { failure, cmkId } = await outcome(action, answer)
      expect(failure).toMatchObject({ code, kmsCode })
      expect(failure.message).toContain(`${action} under CMK ${cmkId} failed with ${kmsCode}`)
      expect(failure.requestId).toMatch(/^[0-9a-f-]{36}$/)
    }
  })

  it.each<[number, object, ErrorCode]>([
    [200, {}, 'KMS_RESPONSE_INVALID'],
    [200, [], 'KMS_RESPONSE_INVALID'],
    [204, {}, 'KMS_RESPONSE_INVALID'],
    [403, {}, 'KMS_RESPONSE_INVALID'],
    [404, { error: { code: 7 } }, 'KMS_RESPONSE_INVALID'],
    [400, { error: { code: 'a sentence' } }, 'KMS_RESPONSE_INVALID'],
    [408, {}, 'KMS_UNAVAILABLE'],
    [429, {}, 'KMS_THROTTLED'],
    [503, {}, 'KMS_UNAVAILABLE'],
  ])('HTTP status %i with %j, without a code of Key Vault, is %s', async (httpStatus, body, code) => {
    for (const action of ALL) {
      const { failure } = await outcome(action, { httpStatus, body })
      expect(failure.code).toBe(code)
      expect(failure.kmsCode).toBeUndefined()
    }
  })

  it('no error repeats what Key Vault says', async () => {
    const quoted = `${Buffer.from(DEK).toString('base64url')} eyJexampleexample`
    const answers: Answer[] = [
      error(400, 'BadParameter', quoted),
      error(403, 'Forbidden', quoted, quoted),
      error(500, quoted, quoted),
      { httpStatus: 403, body: { error: quoted }, headers: { 'x-ms-request-id': quoted } },
      { ...error(404, 'KeyNotFound'), headers: { 'x-ms-request-id': quoted } },
      {
        httpStatus: 200,
        body: { kid: quoted, value: quoted, iv: quoted, tag: quoted, key: { kid: quoted } },
      },
    ]
    for (const answer of answers) {
      for (const action of ALL) {
        const { failure } = await outcome(action, answer)
        expectNoSecret(failure, [DEK])
        expect(String(failure)).not.toContain('eyJ')
      }
    }
  })
})
