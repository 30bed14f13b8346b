import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/errors.js'
import { KNOWN_CODES, type Action } from '../../../src/kms/gcp/failures.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { call, CMK, DEK, errorOf, gcpForTests } from './service.js'

const under = gcpForTests()

const error = (code: number, status: string, message = 'as the vendor says', details?: object[]) => ({
  httpStatus: code,
  body: { error: { code, status, message, ...(details === undefined ? {} : { details }) } },
})
const info = (reason: unknown) => [
  { '@type': 'type.googleapis.com/google.rpc.Help' },
  { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' },
]
const state = (now: string) =>
  error(400, 'FAILED_PRECONDITION', `${CMK} is not enabled, current state is: ${now}.`)

async function outcome(action: Action, answer: ReturnType<typeof error>) {
  const kms = under.kms()
  const ciphertextDek = action === 'decrypt' ? await kms.wrapDek({ ...call, dek: DEK }) : new Uint8Array()
  under.emulator.instead = () => answer
  return errorOf(
    action === 'encrypt' ? kms.wrapDek({ ...call, dek: DEK }) : kms.unwrapDek({ ...call, ciphertextDek }),
  )
}

type Row = [kmsCode: string, code: ErrorCode, answer: ReturnType<typeof error>, only?: Action]

/** Every code of the table. */
const ROWS: readonly Row[] = [
  ['UNAVAILABLE', 'KMS_UNAVAILABLE', error(503, 'UNAVAILABLE')],
  ['INTERNAL', 'KMS_UNAVAILABLE', error(500, 'INTERNAL')],
  ['UNKNOWN', 'KMS_UNAVAILABLE', error(500, 'UNKNOWN')],
  ['ABORTED', 'KMS_UNAVAILABLE', error(409, 'ABORTED')],
  ['CANCELLED', 'KMS_UNAVAILABLE', error(499, 'CANCELLED')],
  ['DEADLINE_EXCEEDED', 'KMS_TIMEOUT', error(504, 'DEADLINE_EXCEEDED')],
  ['RESOURCE_EXHAUSTED', 'KMS_THROTTLED', error(429, 'RESOURCE_EXHAUSTED')],
  [
    'INVALID_ARGUMENT.CHECKSUM',
    'KMS_UNAVAILABLE',
    error(
      400,
      'INVALID_ARGUMENT',
      'The checksum in field ciphertext_crc32c did not match the data in field ciphertext.',
    ),
  ],
  ['FAILED_PRECONDITION.PENDING_GENERATION', 'KMS_UNAVAILABLE', state('PENDING_GENERATION')],
  ['FAILED_PRECONDITION.PENDING_IMPORT', 'KMS_UNAVAILABLE', state('PENDING_IMPORT')],
  ['UNAUTHENTICATED', 'KMS_DENIED', error(401, 'UNAUTHENTICATED')],
  ['PERMISSION_DENIED', 'KMS_DENIED', error(403, 'PERMISSION_DENIED')],
  [
    'PERMISSION_DENIED.SERVICE_DISABLED',
    'KMS_DENIED',
    error(403, 'PERMISSION_DENIED', '', info('SERVICE_DISABLED')),
  ],
  [
    'PERMISSION_DENIED.BILLING_DISABLED',
    'KMS_DENIED',
    error(403, 'PERMISSION_DENIED', '', info('BILLING_DISABLED')),
  ],
  [
    'PERMISSION_DENIED.ACCESS_TOKEN_SCOPE_INSUFFICIENT',
    'KMS_DENIED',
    error(403, 'PERMISSION_DENIED', '', info('ACCESS_TOKEN_SCOPE_INSUFFICIENT')),
  ],
  [
    'PERMISSION_DENIED.SECURITY_POLICY_VIOLATED',
    'KMS_DENIED',
    error(403, 'PERMISSION_DENIED', '', info('SECURITY_POLICY_VIOLATED')),
  ],
  ['NOT_FOUND', 'CMK_NOT_FOUND', error(404, 'NOT_FOUND')],
  ['FAILED_PRECONDITION', 'CMK_UNUSABLE', error(400, 'FAILED_PRECONDITION')],
  ['FAILED_PRECONDITION.DISABLED', 'CMK_DISABLED', state('DISABLED')],
  ['FAILED_PRECONDITION.DESTROY_SCHEDULED', 'CMK_DISABLED', state('DESTROY_SCHEDULED')],
  ['FAILED_PRECONDITION.DESTROYED', 'CMK_NOT_FOUND', state('DESTROYED')],
  ['INVALID_ARGUMENT', 'KMS_REFUSED', error(400, 'INVALID_ARGUMENT')],
  ['OUT_OF_RANGE', 'KMS_REFUSED', error(400, 'OUT_OF_RANGE')],
  ['UNIMPLEMENTED', 'KMS_REFUSED', error(501, 'UNIMPLEMENTED')],
  [
    'INVALID_ARGUMENT.CIPHERTEXT',
    'CIPHERTEXT_DEK_INVALID',
    error(400, 'INVALID_ARGUMENT', 'Decryption failed: the ciphertext is invalid.'),
    'decrypt',
  ],
]

/** Codes without a row of their own. */
const OTHERS: readonly Row[] = [
  [
    'PERMISSION_DENIED.CONSUMER_INVALID',
    'KMS_DENIED',
    error(403, 'PERMISSION_DENIED', '', info('CONSUMER_INVALID')),
  ],
  ['FAILED_PRECONDITION.GENERATION_FAILED', 'CMK_UNUSABLE', state('GENERATION_FAILED')],
  [
    'RESOURCE_EXHAUSTED.RATE_LIMIT_EXCEEDED',
    'KMS_THROTTLED',
    error(429, 'RESOURCE_EXHAUSTED', '', info('RATE_LIMIT_EXCEEDED')),
  ],
  ['DATA_LOSS', 'KMS_UNAVAILABLE', error(500, 'DATA_LOSS')],
  [
    'INVALID_ARGUMENT',
    'KMS_REFUSED',
    error(400, 'INVALID_ARGUMENT', 'Decryption failed: the ciphertext is invalid.'),
    'encrypt',
  ],
  // Not `Decryption failed`: another refusal of the request must not blame the record.
  ['INVALID_ARGUMENT', 'KMS_REFUSED', error(400, 'INVALID_ARGUMENT', 'the ciphertext is invalid'), 'decrypt'],
]

describe('what the service answers', () => {
  it('every code of the table of Cloud KMS is tried here', () => {
    expect(ROWS.map(([kmsCode]) => kmsCode).sort()).toEqual([...KNOWN_CODES].sort())
  })

  it.each<Row>([...ROWS, ...OTHERS])('%s of Cloud KMS is %s', async (kmsCode, code, answer, only) => {
    for (const action of only === undefined ? (['encrypt', 'decrypt'] as const) : [only]) {
      under.emulator.instead = () => undefined
      const failure = await outcome(action, answer)
      expect(failure).toMatchObject({ code, kmsCode })
      expect(failure.message).toContain(`${action} under CMK ${CMK} failed with ${kmsCode}`)
    }
  })

  it.each([
    [200, {}, 'KMS_RESPONSE_INVALID'],
    [200, [], 'KMS_RESPONSE_INVALID'],
    [204, {}, 'KMS_RESPONSE_INVALID'],
    [400, {}, 'KMS_RESPONSE_INVALID'],
    [403, { error: 'denied' }, 'KMS_RESPONSE_INVALID'],
    [403, { error: { status: 7 } }, 'KMS_RESPONSE_INVALID'],
    [403, { error: { status: 'a sentence' } }, 'KMS_RESPONSE_INVALID'],
    [404, { error: { status: '' } }, 'KMS_RESPONSE_INVALID'],
    [408, {}, 'KMS_UNAVAILABLE'],
    [429, {}, 'KMS_THROTTLED'],
    [500, {}, 'KMS_UNAVAILABLE'],
    [502, { error: null }, 'KMS_UNAVAILABLE'],
  ])('HTTP status %i with %j, without a code of Cloud KMS, is %s', async (httpStatus, body, code) => {
    for (const action of ['encrypt', 'decrypt'] as const) {
      under.emulator.instead = () => undefined
      const failure = await outcome(action, { httpStatus, body } as ReturnType<typeof error>)
      expect(failure.code).toBe(code)
      expect(failure.kmsCode).toBeUndefined()
    }
  })

  it('no error repeats what Cloud KMS says', async () => {
    const quoted = `${Buffer.from(DEK).toString('base64')} ya29.exampleexampleexample`
    const answers = [
      error(400, 'INVALID_ARGUMENT', quoted),
      error(400, 'INVALID_ARGUMENT', `Decryption failed: ${quoted}`),
      error(400, 'FAILED_PRECONDITION', `current state is: ${quoted}`),
      error(403, 'PERMISSION_DENIED', quoted, info(quoted)),
      error(500, quoted, quoted),
      { httpStatus: 400, body: { error: quoted } } as unknown as ReturnType<typeof error>,
      {
        httpStatus: 200,
        body: { name: quoted, plaintext: quoted, ciphertext: quoted },
      } as unknown as ReturnType<typeof error>,
    ]
    for (const answer of answers) {
      for (const action of ['encrypt', 'decrypt'] as const) {
        under.emulator.instead = () => undefined
        const failure = await outcome(action, answer)
        expectNoSecret(failure, [DEK])
        expect(String(failure)).not.toContain('ya29')
      }
    }
  })
})
