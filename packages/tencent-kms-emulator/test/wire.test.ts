import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { EMULATOR_CREDENTIAL, startTencentKmsEmulator, type TencentKmsEmulator } from '../src/index.js'
import { send } from './support/raw-request.js'

let kms: TencentKmsEmulator

beforeAll(async () => {
  kms = await startTencentKmsEmulator({
    credentials: [EMULATOR_CREDENTIAL, { secretId: 'temporary', secretKey: 'k', token: 'the-token' }],
  })
})
afterAll(() => kms.close())

const now = (): number => Math.floor(Date.now() / 1000)

describe('a signed request', () => {
  it('a signed request is answered with HTTP 200, Response and a RequestId, which the log has too', async () => {
    const { status, text, code } = await send(kms, { body: '{"Limit":1}' })
    expect({ status, code }).toEqual({ status: 200, code: 'OK' })
    const { Response } = JSON.parse(text) as { Response: { RequestId: string } }
    expect(Response).toEqual({ Keys: [], TotalCount: 0, RequestId: expect.any(String) as string })
    expect(kms.calls().at(-1)).toEqual({
      at: expect.any(Number) as number,
      requestId: Response.RequestId,
      action: 'ListKeys',
      region: 'ap-guangzhou',
      secretId: EMULATOR_CREDENTIAL.secretId,
    })
  })

  it('a signed request may be signed for the service kms or for the first label of the host, with the port or without', async () => {
    const host = `127.0.0.1:${String(kms.port)}`
    for (const signed of [{}, { service: '127' }, { host }, { service: '127', host }]) {
      expect((await send(kms, { signed })).code).toBe('OK')
    }
    for (const signed of [{ service: 'cvm' }, { host: 'localhost' }]) {
      expect((await send(kms, { signed })).code).toBe('AuthFailure.SignatureFailure')
    }
    const sts = { headers: { host: 'sts.tencentcloudapi.com' }, signed: { host: 'sts.tencentcloudapi.com' } }
    expect((await send(kms, sts)).code).toBe('OK')
    expect((await send(kms, { ...sts, signed: { ...sts.signed, service: 'sts' } })).code).toBe(
      'AuthFailure.SignatureFailure',
    )
  })

  it('a signed request may sign more headers, which then count', async () => {
    const lines = { 'content-type': 'application/json', host: '127.0.0.1', 'x-tc-action': 'listkeys' }
    expect((await send(kms, { signed: { lines } })).code).toBe('OK')
    expect((await send(kms, { action: 'GetRegions', signed: { lines } })).code).toBe(
      'AuthFailure.SignatureFailure',
    )
    expect((await send(kms, { signed: { lines: { ...lines, 'x-not-sent': '1' } } })).code).toBe(
      'AuthFailure.SignatureFailure',
    )
  })

  it('a signed request has its values lower-cased and trimmed for the signature', async () => {
    const headers = { 'content-type': ' Application/JSON; charset=UTF-8 ' }
    const lines = { 'content-type': 'application/json; charset=utf-8', host: '127.0.0.1' }
    expect((await send(kms, { headers, signed: { lines } })).code).toBe('OK')
  })
})

describe('a caller with a wrong signature is refused', () => {
  it.each([
    ['of another secret key', { signed: { secretKey: 'other' } }, 'AuthFailure.SignatureFailure'],
    ['of an unknown id', { signed: { secretId: 'nobody' } }, 'AuthFailure.SecretIdNotFound'],
    ['for another body', { signed: { body: '{"Limit":2}' } }, 'AuthFailure.SignatureFailure'],
    ['from five minutes ago', { signed: { timestamp: now() - 310 } }, 'AuthFailure.SignatureExpire'],
    [
      'from five minutes in the future',
      { signed: { timestamp: now() + 310 } },
      'AuthFailure.SignatureExpire',
    ],
    ['of another date', { signed: { date: '2020-01-01' } }, 'AuthFailure.SignatureFailure'],
    ['of the host alone', { signed: { lines: { host: '127.0.0.1' } } }, 'AuthFailure.SignatureFailure'],
    [
      'of no host',
      { signed: { lines: { 'content-type': 'application/json' } } },
      'AuthFailure.SignatureFailure',
    ],
    ['that is missing', { headers: { authorization: undefined } }, 'AuthFailure.InvalidAuthorization'],
    ['that is skipped', { headers: { authorization: 'SKIP' } }, 'AuthFailure.InvalidAuthorization'],
    ['without its token', { signed: { secretId: 'temporary', secretKey: 'k' } }, 'AuthFailure.TokenFailure'],
    [
      'with another token',
      { headers: { 'x-tc-token': 'the-tokem' }, signed: { secretId: 'temporary', secretKey: 'k' } },
      'AuthFailure.TokenFailure',
    ],
    [
      'with a token of another credential',
      { headers: { 'x-tc-token': 'the-token' } },
      'AuthFailure.TokenFailure',
    ],
  ])('a signature %s is refused', async (_, request, code) => {
    const answer = await send(kms, request)
    expect({ status: answer.status, code: answer.code }).toEqual({ status: 200, code })
    expect(kms.calls().at(-1)?.code).toBe(code)
  })

  it('a caller with the right token is accepted', async () => {
    const signed = { secretId: 'temporary', secretKey: 'k' }
    expect((await send(kms, { headers: { 'x-tc-token': 'the-token' }, signed })).code).toBe('OK')
  })
})

describe('a request of another form', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  it.each([
    ['by GET', { method: 'GET', body: '' }, 'UnsupportedProtocol'],
    ['as a form', { headers: form, body: 'Limit=1' }, 'InvalidRequest'],
    ['of no action', { headers: { 'x-tc-action': undefined } }, 'MissingParameter'],
    ['of an unknown action', { action: 'CreateWhiteBoxKey' }, 'InvalidAction'],
    ['of an action of JavaScript', { action: 'toString' }, 'InvalidAction'],
    ['of no version', { headers: { 'x-tc-version': undefined } }, 'MissingParameter'],
    ['of another version', { headers: { 'x-tc-version': '2017-03-12' } }, 'NoSuchVersion'],
    ['of no region', { headers: { 'x-tc-region': undefined } }, 'MissingParameter'],
    ['of an unknown region', { headers: { 'x-tc-region': 'mars-1' } }, 'UnsupportedRegion'],
    ['of no time', { headers: { 'x-tc-timestamp': undefined } }, 'MissingParameter'],
    ['of a wrong time', { headers: { 'x-tc-timestamp': '2023-11-14' } }, 'InvalidParameter'],
    ['that is not JSON', { body: '{"Limit":1' }, 'InvalidParameter'],
    ['that is not UTF-8', { body: Buffer.from([0x22, 0xff, 0x22]) }, 'InvalidParameter'],
    ['that is not an object', { body: '[]' }, 'InvalidParameter'],
    ['that is null', { body: 'null' }, 'InvalidParameter'],
    ['with an unknown parameter', { body: '{"Limits":1}' }, 'UnknownParameter'],
    ['with a parameter of JavaScript', { body: '{"__proto__":1}' }, 'UnknownParameter'],
    ['with a wrong type', { body: '{"Limit":"1"}' }, 'InvalidParameter'],
    ['with a fraction', { body: '{"Limit":1.5}' }, 'InvalidParameter'],
    ['without a needed parameter', { action: 'DescribeKey' }, 'MissingParameter'],
    ['of over 10 MiB', { body: Buffer.alloc(10 * 2 ** 20 + 1, 0x20) }, 'RequestSizeLimitExceeded'],
  ])('a request of another form is refused: %s', async (_, request, code) => {
    const answer = await send(kms, request)
    expect({ status: answer.status, code: answer.code }).toEqual({ status: 200, code })
  })

  it('a refusal does not repeat what was sent', async () => {
    const { text } = await send(kms, { action: 'Encrypt', body: '{"KeyId":"k","Plaintext":["c2VjcmV0"]}' })
    expect(text).toContain('InvalidParameter')
    expect(text).not.toContain('c2VjcmV0')
  })
})

it('an action without parameters needs no body', async () => {
  expect((await send(kms, { action: 'GetRegions', body: '' })).code).toBe('OK')
})

it('a body of exactly 10 MiB is taken', async () => {
  const body = Buffer.concat([Buffer.from('{}'), Buffer.alloc(10 * 2 ** 20 - 2, 0x20)])
  expect((await send(kms, { body })).code).toBe('OK')
})
