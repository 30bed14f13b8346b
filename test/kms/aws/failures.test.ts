import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import { KNOWN_CODES } from '../../../src/kms/aws/failures.js'
import type { AwsKmsOptions } from '../../../src/kms/aws/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import { clientThat, CMK, DEK, failed, kmsOf, REQUEST_ID, SECRET, signal, type Client } from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme' }, signal }

const SYMMETRIC: AwsKmsOptions = {}
const RSA: AwsKmsOptions = { cmks: { [CMK]: { type: 'rsa-2048' } } }

type Run = readonly [options: AwsKmsOptions, run: (kms: Kms) => Promise<unknown>]

const SEALING: Readonly<Record<string, Run>> = {
  GenerateDataKey: [SYMMETRIC, (kms) => kms.generateDek(call)],
  Encrypt: [SYMMETRIC, (kms) => kms.wrapDek({ ...call, dek: DEK })],
  GetPublicKey: [RSA, (kms) => kms.generateDek(call)],
}
const OPENING: Readonly<Record<string, Run>> = {
  Decrypt: [SYMMETRIC, (kms) => kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(184) })],
  'Decrypt with RSA': [RSA, (kms) => kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(256) })],
}
const ALL = { ...SEALING, ...OPENING }

async function outcome([options, run]: Run, client: Client): Promise<EnvelopeError> {
  const error: unknown = await run(kmsOf(client, options)).then(
    () => new Error('was fulfilled'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof EnvelopeError)) throw new Error('not an EnvelopeError', { cause: error })
  expectNoSecret(error, [Buffer.from(SECRET.secretAccessKey)])
  expect(error.message).not.toContain(SECRET.secretAccessKey)
  return error
}

/** Every code of the service, our code for it and, where that matters, the calls. */
const CODES: readonly (readonly [kmsCode: string, code: ErrorCode, calls?: Readonly<Record<string, Run>>])[] =
  [
    ['KMSInternalException', 'KMS_UNAVAILABLE'],
    ['KeyUnavailableException', 'KMS_UNAVAILABLE'],
    ['DependencyTimeoutException', 'KMS_UNAVAILABLE'],
    ['InternalFailure', 'KMS_UNAVAILABLE'],
    ['InternalServerError', 'KMS_UNAVAILABLE'],
    ['ServiceUnavailable', 'KMS_UNAVAILABLE'],
    ['ServiceUnavailableException', 'KMS_UNAVAILABLE'],
    ['RequestTimeout', 'KMS_UNAVAILABLE'],
    ['ThrottlingException', 'KMS_THROTTLED'],
    ['Throttling', 'KMS_THROTTLED'],
    ['TooManyRequestsException', 'KMS_THROTTLED'],
    ['RequestLimitExceeded', 'KMS_THROTTLED'],
    ['LimitExceededException', 'KMS_THROTTLED'],
    ['CredentialsProviderError', 'KMS_CREDENTIALS_UNAVAILABLE'],
    ['TokenProviderError', 'KMS_CREDENTIALS_UNAVAILABLE'],
    ['AccessDeniedException', 'KMS_DENIED'],
    ['AccessDenied', 'KMS_DENIED'],
    ['NotAuthorized', 'KMS_DENIED'],
    ['UnauthorizedOperation', 'KMS_DENIED'],
    ['InvalidGrantTokenException', 'KMS_DENIED'],
    ['OptInRequired', 'KMS_DENIED'],
    ['UnrecognizedClientException', 'KMS_DENIED'],
    ['InvalidClientTokenId', 'KMS_DENIED'],
    ['InvalidSignatureException', 'KMS_DENIED'],
    ['SignatureDoesNotMatch', 'KMS_DENIED'],
    ['IncompleteSignature', 'KMS_DENIED'],
    ['IncompleteSignatureException', 'KMS_DENIED'],
    ['MissingAuthenticationToken', 'KMS_DENIED'],
    ['MissingAuthenticationTokenException', 'KMS_DENIED'],
    ['ExpiredTokenException', 'KMS_DENIED'],
    ['ExpiredToken', 'KMS_DENIED'],
    ['RequestExpired', 'KMS_DENIED'],
    ['NotFoundException', 'CMK_NOT_FOUND'],
    ['InvalidArnException', 'CMK_NOT_FOUND'],
    ['DisabledException', 'CMK_DISABLED'],
    ['KMSInvalidStateException', 'CMK_DISABLED'],
    ['InvalidKeyUsageException', 'CMK_UNUSABLE'],
    ['UnsupportedOperationException', 'CMK_UNUSABLE'],
    // Only what the service says about the ciphertext blames the record
    ['InvalidCiphertextException', 'CIPHERTEXT_DEK_INVALID', OPENING],
    ['InvalidCiphertextException', 'KMS_REFUSED', SEALING],
    ['IncorrectKeyException', 'CIPHERTEXT_DEK_INVALID', OPENING],
    ['IncorrectKeyException', 'KMS_REFUSED', SEALING],
    ['ValidationException', 'KMS_REFUSED'],
    ['ValidationError', 'KMS_REFUSED'],
    ['SerializationException', 'KMS_REFUSED'],
    ['UnknownOperationException', 'KMS_REFUSED'],
    ['InvalidAction', 'KMS_REFUSED'],
    ['InvalidParameterValue', 'KMS_REFUSED'],
    ['InvalidParameterCombination', 'KMS_REFUSED'],
    ['MissingParameter', 'KMS_REFUSED'],
    ['MissingAction', 'KMS_REFUSED'],
    ['DryRunOperationException', 'KMS_REFUSED'],
    ['OfTomorrowException', 'KMS_UNAVAILABLE'],
  ]

describe('the code of AWS KMS', () => {
  it.each(CODES.map(([kmsCode, code, calls = ALL]) => ({ kmsCode, code, calls })))(
    'the code $kmsCode of AWS KMS becomes $code',
    async ({ kmsCode, code, calls }) => {
      for (const run of Object.values(calls)) {
        const client = clientThat(() => Promise.reject(failed(kmsCode)))
        const error = await outcome(run, client)
        expect(error).toMatchObject({ code, kmsCode, requestId: REQUEST_ID })
        const action = client.sent.at(-1)?.action
        expect(error.message).toContain(`${String(action)} under CMK ${CMK} failed with ${kmsCode}`)
        expect(error.message).toContain(REQUEST_ID)
      }
    },
  )

  it('every code of AWS KMS that the library distinguishes is tested here', () => {
    const tested = new Set(CODES.map(([kmsCode]) => kmsCode))
    expect(KNOWN_CODES.filter((code) => !tested.has(code))).toEqual([])
  })

  it.each([
    ['AccessDeniedException', 1],
    ['ThrottlingException', 1],
    ['ExpiredTokenException', 2],
    ['ExpiredToken', 2],
    ['UnrecognizedClientException', 2],
    ['InvalidClientTokenId', 2],
    ['InvalidSignatureException', 2],
    ['SignatureDoesNotMatch', 2],
    ['RequestExpired', 2],
  ])(
    'a call that fails with %s is made %d times: once more if credentials are stale',
    async (name, times) => {
      const client = clientThat(() => Promise.reject(failed(name)))
      await outcome(ALL['Decrypt'] as Run, client)
      expect(client.sent).toHaveLength(times)
    },
  )
})

const withStatus = (status: number, name = 'SyntaxError'): Error =>
  Object.assign(new Error('<html>'), { name, $metadata: { httpStatusCode: status } })

describe('a call without an answer of AWS KMS', () => {
  it.each<[string, unknown, ErrorCode]>([
    ['a page with status 200', withStatus(200), 'KMS_RESPONSE_INVALID'],
    ['a page with status 403', withStatus(403), 'KMS_RESPONSE_INVALID'],
    ['a page with status 408', withStatus(408), 'KMS_UNAVAILABLE'],
    ['a page with status 429', withStatus(429), 'KMS_THROTTLED'],
    ['a page with status 502', withStatus(502), 'KMS_UNAVAILABLE'],
    ['an error without a code', failed('Unknown', 403), 'KMS_RESPONSE_INVALID'],
    ['an error without a code, of a server', failed('UnknownError', 500), 'KMS_UNAVAILABLE'],
    ['an error whose code is text', failed('An Error: ' + SECRET.secretAccessKey), 'KMS_RESPONSE_INVALID'],
    ['a redirect', failed('Unknown', 307), 'KMS_RESPONSE_INVALID'],
    ['a time-out of the client', withName('TimeoutError'), 'KMS_TIMEOUT'],
    ['a reset', withName('TimeoutError', 'ECONNRESET'), 'KMS_UNAVAILABLE'],
    ['a reset in an answer', Object.assign(withStatus(200), { code: 'ECONNRESET' }), 'KMS_UNAVAILABLE'],
    ['a refused connection', withName('Error', 'ECONNREFUSED'), 'KMS_UNAVAILABLE'],
    ['a certificate', withName('Error', 'CERT_HAS_EXPIRED'), 'KMS_UNAVAILABLE'],
    ['a code that nobody gave', withName('AccessDeniedException'), 'KMS_UNAVAILABLE'],
    ['text', 'AccessDeniedException', 'KMS_UNAVAILABLE'],
    ['nothing', undefined, 'KMS_UNAVAILABLE'],
  ])('a call without an answer of AWS KMS is never a refusal: %s', async (_, thrown, code) => {
    for (const run of Object.values(ALL)) {
      const client = clientThat(() => {
        throw thrown as Error
      })
      expect(await outcome(run, client)).toMatchObject({ code, kind: 'transient', kmsCode: undefined })
    }
  })

  it('a call without an answer of AWS KMS names a failure of the network, and no other text', async () => {
    const client = clientThat(() => {
      throw withName('Error', 'ECONNREFUSED')
    })
    const error = await outcome(ALL['Decrypt'] as Run, client)
    expect(error.message).toContain('got no answer (ECONNREFUSED)')
    expect(error.message).not.toContain('quoted')
  })
})

function withName(name: string, code?: string): Error {
  return Object.assign(new Error('quoted'), { name, ...(code === undefined ? {} : { code }) })
}
