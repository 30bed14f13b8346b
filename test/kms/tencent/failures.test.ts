import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { EnvelopeError, type ErrorCode } from '../../../src/errors.js'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms, type TencentKmsOptions } from '../../../src/kms/tencent/index.js'
import { expectNoSecret } from '../../contract/kms-contract.js'
import {
  CMK,
  failed,
  json,
  KEY_ID,
  nothing,
  ok,
  raw,
  REQUEST_ID,
  reset,
  SECRET,
  serviceForTests,
  symmetricCmks,
  type Reply,
  signal,
} from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme' }, signal }
const DEK = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)

const under = serviceForTests()

type Operation = 'GenerateDataKey' | 'Encrypt' | 'Decrypt' | 'GetPublicKey' | 'AsymmetricRsaDecrypt'

const OPERATIONS: Record<Operation, (kms: Kms, symmetric?: boolean) => Promise<unknown>> = {
  GenerateDataKey: (kms) => kms.generateDek(call),
  Encrypt: (kms) => kms.wrapDek({ ...call, dek: DEK }),
  Decrypt: (kms) => kms.unwrapDek({ ...call, ciphertextDek: Buffer.from('a-k-b-k-c') }),
  GetPublicKey: (kms) => kms.generateDek(call),
  AsymmetricRsaDecrypt: (kms) => kms.unwrapDek({ ...call, ciphertextDek: new Uint8Array(256) }),
}
const ALL = Object.keys(OPERATIONS) as Operation[]
const SEALING: readonly Operation[] = ['GenerateDataKey', 'Encrypt', 'GetPublicKey']
const OPENING: readonly Operation[] = ['Decrypt', 'AsymmetricRsaDecrypt']

async function outcome(
  operation: Operation,
  options: Partial<TencentKmsOptions> = {},
): Promise<EnvelopeError> {
  const rsa = operation === 'GetPublicKey' || operation === 'AsymmetricRsaDecrypt'
  const cmks = { [CMK]: { type: rsa ? 'rsa-2048' : 'symmetric' } } as const
  const error: unknown = await OPERATIONS[operation](under.kms({ cmks, ...options })).then(
    () => new Error('was fulfilled'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof EnvelopeError)) throw new Error('not an EnvelopeError', { cause: error })
  return error
}

/** Every code of the vendor's tables, our code for it and, where that matters, the actions. */
const CODES: readonly (readonly [kmsCode: string, code: ErrorCode, actions?: readonly Operation[]])[] = [
  ['InternalError', 'KMS_UNAVAILABLE'],
  ['InternalError.Unknown', 'KMS_UNAVAILABLE'],
  ['ServiceUnavailable', 'KMS_UNAVAILABLE'],
  ['UnsupportedOperation.ServiceTemporaryUnavailable', 'KMS_UNAVAILABLE'],
  ['RequestLimitExceeded', 'KMS_THROTTLED'],
  ['RequestLimitExceeded.UinLimitExceeded', 'KMS_THROTTLED'],
  ['RequestLimitExceeded.IPLimitExceeded', 'KMS_THROTTLED'],
  ['RequestLimitExceeded.GlobalRegionUinLimitExceeded', 'KMS_THROTTLED'],
  ['UnauthorizedOperation', 'KMS_DENIED'],
  ['UnauthorizedOperation.Anything', 'KMS_DENIED'],
  ['AuthFailure', 'KMS_DENIED'],
  ['AuthFailure.InvalidSecretId', 'KMS_DENIED'],
  ['AuthFailure.SecretIdNotFound', 'KMS_DENIED'],
  ['AuthFailure.SignatureFailure', 'KMS_DENIED'],
  ['AuthFailure.UnauthorizedOperation', 'KMS_DENIED'],
  ['AuthFailure.MFAFailure', 'KMS_DENIED'],
  ['AuthFailure.TokenFailure', 'KMS_DENIED'],
  ['AuthFailure.SignatureExpire', 'KMS_DENIED'],
  ['OperationDenied', 'KMS_DENIED'],
  ['IpNotInWhitelist', 'KMS_DENIED'],
  ['IpInBlacklist', 'KMS_DENIED'],
  ['UnauthorizedOperation.RequestIpNotInWhitelist', 'KMS_DENIED'],
  ['ResourceUnavailable.NotPurchased', 'KMS_DENIED'],
  ['ResourceUnavailable.CmkNotFound', 'CMK_NOT_FOUND'],
  ['ResourceNotFound', 'CMK_NOT_FOUND'],
  ['InvalidParameterValue.InvalidKeyId', 'CMK_NOT_FOUND'],
  ['ResourceUnavailable.CmkDisabled', 'CMK_DISABLED'],
  ['ResourceUnavailable.KeyPendingDelete', 'CMK_DISABLED'],
  ['ResourceUnavailable.CmkArchived', 'CMK_UNUSABLE'],
  ['ResourceUnavailable.CmkStateNotSupport', 'CMK_UNUSABLE'],
  ['ResourceUnavailable', 'CMK_UNUSABLE'],
  ['InvalidParameterValue.InvalidKeyUsage', 'CMK_UNUSABLE'],
  // Only what the service says about the ciphertext blames the record
  ['InvalidParameterValue.InvalidCiphertext', 'CIPHERTEXT_DEK_INVALID', OPENING],
  ['InvalidParameterValue.InvalidCiphertext', 'KMS_REFUSED', SEALING],
  ['FailedOperation.DecryptError', 'CIPHERTEXT_DEK_INVALID', ['AsymmetricRsaDecrypt']],
  ['FailedOperation.DecryptError', 'KMS_UNAVAILABLE', [...SEALING, 'Decrypt']],
  // The vendor says no more of these
  ['FailedOperation', 'KMS_UNAVAILABLE'],
  ['FailedOperation.EncryptionError', 'KMS_UNAVAILABLE'],
  ['FailedOperation.OfTomorrow', 'KMS_UNAVAILABLE'],
  ['ResourceInsufficient', 'KMS_UNAVAILABLE'],
  ['LimitExceeded', 'KMS_UNAVAILABLE'],
  ['MissingParameter', 'KMS_REFUSED'],
  ['UnknownParameter', 'KMS_REFUSED'],
  ['InvalidParameter', 'KMS_REFUSED'],
  ['InvalidParameterValue', 'KMS_REFUSED'],
  ['InvalidParameterValue.InvalidPlaintext', 'KMS_REFUSED'],
  ['InvalidParameterValue.InvalidType', 'KMS_REFUSED'],
  ['InvalidParameterValue.OfTomorrow', 'KMS_REFUSED'],
  ['InvalidAction', 'KMS_REFUSED'],
  ['InvalidRequest', 'KMS_REFUSED'],
  ['ActionOffline', 'KMS_REFUSED'],
  ['NoSuchVersion', 'KMS_REFUSED'],
  ['NoSuchProduct', 'KMS_REFUSED'],
  ['RequestSizeLimitExceeded', 'KMS_REFUSED'],
  ['UnsupportedOperation', 'KMS_REFUSED'],
  ['UnsupportedProtocol', 'KMS_REFUSED'],
  ['UnsupportedRegion', 'KMS_REFUSED'],
  ['SomethingNew.OfTomorrow', 'KMS_UNAVAILABLE'],
]

describe('the code of the vendor', () => {
  it.each(CODES.map(([kmsCode, code, actions = ALL]) => ({ kmsCode, code, actions })))(
    'the code $kmsCode of the vendor becomes $code',
    async ({ kmsCode, code, actions }) => {
      under.service.answer = () => failed(kmsCode)
      for (const action of actions) {
        const error = await outcome(action)
        expect(under.service.asked.at(-1)?.action).toBe(action)
        expect(error).toMatchObject({ code, kmsCode, requestId: REQUEST_ID })
        expect(error.message).toContain(`${action} under CMK ${CMK} failed with ${kmsCode}`)
        expect(error.message).toContain(REQUEST_ID)
        expect(error.kind).toBe(new EnvelopeError(code, '').kind)
      }
    },
  )

  it('a call that fails with a code of the vendor is made once, except for stale credentials: then it is repeated once', async () => {
    for (const [kmsCode, times] of [
      ['InternalError', 1],
      ['AuthFailure.UnauthorizedOperation', 1],
      ['AuthFailure.SignatureFailure', 2],
      ['AuthFailure.SecretIdNotFound', 2],
      ['AuthFailure.TokenFailure', 2],
      ['AuthFailure.SignatureExpire', 2],
    ] as const) {
      under.service.asked.length = 0
      under.service.answer = () => failed(kmsCode)
      await outcome('Decrypt')
      expect(under.service.asked).toHaveLength(times)
    }
  })
})

/** Ways in which the network or the server can fail to answer. */
const WIRE: readonly (readonly [what: string, reply: Reply, ...codes: ErrorCode[]])[] = [
  ['HTTP 500 with HTML', raw(500, '<h1>oops</h1>'), 'KMS_UNAVAILABLE'],
  ['HTTP 502 with HTML', raw(502, '<h1>Bad Gateway</h1>'), 'KMS_UNAVAILABLE'],
  ['HTTP 503 without a body', raw(503, ''), 'KMS_UNAVAILABLE'],
  ['HTTP 408', raw(408, ''), 'KMS_UNAVAILABLE'],
  ['HTTP 429', raw(429, ''), 'KMS_THROTTLED'],
  ['HTTP 403 of a proxy', raw(403, '<h1>blocked</h1>'), 'KMS_RESPONSE_INVALID'],
  ['HTTP 404', raw(404, 'not found'), 'KMS_RESPONSE_INVALID'],
  ['HTML with status 200', raw(200, '<h1>Welcome to the hotel</h1>'), 'KMS_RESPONSE_INVALID'],
  ['JSON that is cut off', raw(200, '{"Response":{"KeyId":"', 'application/json'), 'KMS_RESPONSE_INVALID'],
  ['nothing with status 200', raw(200, ''), 'KMS_RESPONSE_INVALID'],
  ['{}', json({}), 'KMS_RESPONSE_INVALID'],
  ['null', json(null), 'KMS_RESPONSE_INVALID'],
  ['an empty Response', json({ Response: {} }), 'KMS_RESPONSE_INVALID'],
  ['a null Response', json({ Response: null }), 'KMS_RESPONSE_INVALID'],
  ['a list', json({ Response: [] }), 'KMS_RESPONSE_INVALID'],
  ['an Error without a code', json({ Response: { Error: {} } }), 'KMS_UNAVAILABLE'],
  ['an Error with a code of another type', json({ Response: { Error: { Code: 7 } } }), 'KMS_UNAVAILABLE'],
  ['an event stream', raw(200, 'data: {}', 'text/event-stream'), 'KMS_RESPONSE_INVALID'],
  ['a reset', reset, 'KMS_UNAVAILABLE'],
  [
    'a reset in the middle of the body, in chunks',
    (response, request) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"Response":', () => request.socket.resetAndDestroy())
    },
    'KMS_UNAVAILABLE',
  ],
  [
    // The SDK does not notice this if it happens before the SDK reads the body: then the deadline ends the call.
    'a reset in the middle of the body, of known length',
    (response, request) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 24 })
      response.write('{"Response":', () => request.socket.resetAndDestroy())
    },
    'KMS_UNAVAILABLE',
    'KMS_TIMEOUT',
  ],
  ['no headers, for ever', nothing, 'KMS_TIMEOUT'],
  [
    'no body, for ever',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
    },
    'KMS_TIMEOUT',
  ],
  [
    'a body that never ends',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => {
        clearInterval(timer)
      })
    },
    'KMS_TIMEOUT',
  ],
]

describe('instead of an answer', () => {
  it.each(WIRE.map(([what, reply, ...codes]) => ({ what, reply, codes })))(
    'a call that gets no answer from the service ($what) fails with its code, within the deadline',
    async ({ reply, codes }) => {
      under.service.answer = () => reply
      for (const operation of ['GenerateDataKey', 'Decrypt'] as const) {
        const started = performance.now()
        // On a busy machine even an immediate answer takes its time.
        const requestTimeout = codes.includes('KMS_TIMEOUT') ? '300ms' : '9s'
        const error = await outcome(operation, { requestTimeout })
        expect(codes).toContain(error.code)
        // Whichever of several it is, what a consumer does about it is the same.
        expect(error.kind).toBe(new EnvelopeError(codes[0] as ErrorCode, '').kind)
        expect(error.kmsCode).toBeUndefined()
        expect(performance.now() - started).toBeLessThan(10_000)
      }
    },
  )

  it('a refused connection is KMS_UNAVAILABLE, and says so', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    const error = await outcome('Decrypt', { endpoint: `http://127.0.0.1:${String(port)}` })
    expect(error.code).toBe('KMS_UNAVAILABLE')
    expect(error.message).toContain('ECONNREFUSED')
  })

  it('a network failure of a client that uses fetch, which reports it as a TypeError, is KMS_UNAVAILABLE; a bug of the client is not', async () => {
    const asking = (url: () => string): Kms =>
      under.keep(
        tencentKms({
          client: () => ({
            request: async (_, params, { signal: given }) => {
              const answer = await fetch(url(), {
                method: 'POST',
                body: JSON.stringify(params),
                signal: given,
              })
              const { Response } = (await answer.json()) as { Response: { KeyId: unknown } }
              return { ...Response, KeyId: Response.KeyId }
            },
          }),
        }),
      )
    const unavailable = { code: 'KMS_UNAVAILABLE', kind: 'transient' }
    const refused = asking(() => 'http://127.0.0.1:1')
    await expect(refused.generateDek(call)).rejects.toMatchObject(unavailable)
    for (const length of [{}, { 'content-length': 24 }]) {
      under.service.answer = () => (response, request) => {
        response.writeHead(200, length)
        response.write('{"Response":', () => request.socket.resetAndDestroy())
      }
      await expect(asking(() => under.service.url).generateDek(call)).rejects.toMatchObject(unavailable)
    }
    // As other implementations of fetch throw it.
    for (const text of ['fetch failed', 'terminated']) {
      const request = () => Promise.reject(new TypeError(text))
      const kms = under.keep(tencentKms({ client: () => ({ request }) }))
      await expect(kms.generateDek(call)).rejects.toMatchObject(unavailable)
    }
    under.service.answer = () => json({})
    await expect(asking(() => under.service.url).generateDek(call)).rejects.toMatchObject({
      code: 'KMS_RESPONSE_INVALID',
    })
  })

  it('a host that does not exist is KMS_UNAVAILABLE', async () => {
    const error = await outcome('Decrypt', { endpoint: 'https://kms.invalid', requestTimeout: 5000 })
    expect(error.code).toBe('KMS_UNAVAILABLE')
  })

  it('a server that does not speak TLS is KMS_UNAVAILABLE', async () => {
    const error = await outcome('Decrypt', { endpoint: under.service.url.replace('http:', 'https:') })
    expect(error.code).toBe('KMS_UNAVAILABLE')
  })

  it('bodies that are not read hold no connection: calls still work after any number of failures', async () => {
    const large = raw(500, 'x'.repeat(1_000_000))
    const kms = under.kms()
    // More than there are connections.
    for (let i = 0; i < 20; i++) {
      under.service.answer = () => large
      await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    }
    under.service.answer = symmetricCmks()
    expect((await kms.generateDek(call)).dek).toHaveLength(32)
  })

  it('a call that is cancelled ends immediately, and so does its connection', async () => {
    const gone = new Promise<void>((resolve) => {
      under.service.answer = () => (_, request) => {
        request.socket.once('close', resolve)
      }
    })
    const kms = under.kms()
    const controller = new AbortController()
    const calling = kms.generateDek({ ...call, signal: controller.signal })
    while (under.service.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const started = performance.now()
    controller.abort()
    await expect(calling).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
    expect(performance.now() - started).toBeLessThan(200)
    await gone
  })
})

it('no error shows a secret, whatever the service, the client or the credentials quote', async () => {
  const token = 'TKexampleexampleexample'
  const secrets = [SECRET.secretId, SECRET.secretKey, token].map((text) => Buffer.from(text))
  const quoted = [...secrets.map(String), Buffer.from(DEK).toString('base64')].join(' ')
  const credentials = { ...SECRET, token }
  const errors: unknown[] = []
  const outcomeOf = (kms: Kms) => kms.wrapDek({ ...call, dek: DEK }).catch((error: unknown) => error)
  for (const kmsCode of [
    'AuthFailure.TokenFailure',
    'InternalError',
    'InvalidParameterValue.InvalidPlaintext',
    quoted,
  ]) {
    under.service.answer = () => failed(kmsCode, quoted)
    for (const operation of ALL) errors.push(await outcome(operation, { credentials }))
  }
  under.service.answer = () =>
    json({ Response: { Error: { Code: 'InternalError', Message: quoted }, RequestId: quoted } })
  errors.push(await outcome('Encrypt', { credentials }))
  under.service.answer = () => raw(502, quoted)
  errors.push(await outcome('Encrypt', { credentials }))
  under.service.answer = () => raw(200, quoted)
  errors.push(await outcome('Encrypt', { credentials }))
  under.service.answer = () =>
    ok({ KeyId: KEY_ID, CiphertextBlob: `${quoted} `, Plaintext: quoted, RequestId: quoted })
  for (const operation of ALL) errors.push(await outcome(operation, { credentials }))
  const thrown = [
    new Error(quoted, { cause: new Error(quoted) }),
    Object.assign(new Error(quoted), { code: quoted, requestId: quoted, stack: quoted }),
    Object.assign(new TypeError(quoted), { config: credentials }),
    Object.assign(new Error(quoted), { httpCode: 500, body: quoted }),
    quoted,
  ]
  for (const reason of thrown) {
    const request = async () => {
      await Promise.resolve()
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what others throw is what is tested
      throw reason
    }
    const kms = tencentKms({ client: () => ({ request }) })
    errors.push(await outcomeOf(kms))
    const provider = tencentKms({ ...under.service.options, credentials: { getCredential: request } })
    under.keep(provider)
    errors.push(await outcomeOf(provider))
  }
  expect(errors).toHaveLength(5 * 4 + 3 + 5 + 10)
  for (const error of errors) {
    expect(error).toBeInstanceOf(EnvelopeError)
    expectNoSecret(error, [DEK, ...secrets])
    for (const secret of secrets) expect(String(error)).not.toContain(String(secret))
  }
})
