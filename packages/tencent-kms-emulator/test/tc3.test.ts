import { describe, expect, it } from 'vitest'

import { parseAuthorization, sign, verifySignature } from '../src/tc3.js'

// The bodies are those of the vendor's descriptions, including escapes.
const VECTORS = [
  {
    name: 'of kms',
    secretId: 'AKIDEXAMPLE',
    secretKey: 'SKEXAMPLE',
    timestamp: 1_700_000_000,
    service: 'kms',
    contentType: 'application/json',
    body: '{"KeyId":"k","NumberOfBytes":32}',
    signature: 'eff89953d00f3dc750da10421ce4c7797ba68282c8d51d83ef7abef27e74752d',
  },
  {
    name: 'in the description of Signature v3',
    secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
    secretKey: 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
    timestamp: 1_551_113_065,
    service: 'cvm',
    contentType: 'application/json; charset=utf-8',
    body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
    signature: '72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
  },
]

it.each(VECTORS)("the vendor's vector $name is reproduced", (vector) => {
  expect(
    sign({
      ...vector,
      headers: `content-type:${vector.contentType}\nhost:${vector.service}.tencentcloudapi.com\n`,
      signedHeaders: ['content-type', 'host'],
      body: Buffer.from(vector.body),
    }),
  ).toBe(vector.signature)
})

describe('the request of the first vector', () => {
  const { secretId, secretKey, timestamp, body, signature } = VECTORS[0] as (typeof VECTORS)[0]
  const headers = {
    host: 'kms.tencentcloudapi.com',
    'content-type': 'application/json',
    authorization: `TC3-HMAC-SHA256 Credential=${secretId}/2023-11-14/kms/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`,
  }
  const verify = (change: { headers?: object; body?: string; key?: string; nowMs?: number }): void => {
    const request = { headers: { ...headers, ...change.headers }, body: Buffer.from(change.body ?? body) }
    verifySignature(request, parseAuthorization(request.headers), change.key ?? secretKey, {
      timestamp,
      nowMs: change.nowMs ?? timestamp * 1000,
    })
  }

  it('the request of the first vector verifies within five minutes before and after its time, but no longer', () => {
    for (const off of [-300, 0, 300]) verify({ nowMs: (timestamp + off) * 1000 })
    for (const off of [-301, 301]) {
      expect(() => {
        verify({ nowMs: (timestamp + off) * 1000 })
      }).toThrow(expect.objectContaining({ code: 'AuthFailure.SignatureExpire' }))
    }
  })

  it.each([
    ['the key', { key: 'other' }],
    ['a byte of the body', { body: `${body} ` }],
    ['the host', { headers: { host: 'kms.ap-guangzhou.tencentcloudapi.com' } }],
    ['the content type', { headers: { 'content-type': 'application/json; charset=utf-8' } }],
    ['the date', { headers: { authorization: headers.authorization.replace('11-14', '11-15') } }],
    ['the service', { headers: { authorization: headers.authorization.replace('/kms/', '/cvm/') } }],
    ['a digit', { headers: { authorization: headers.authorization.replace('eff8', 'eff9') } }],
  ])('the request of the first vector does not verify if %s differs', (_, change) => {
    expect(() => {
      verify(change)
    }).toThrow(expect.objectContaining({ code: 'AuthFailure.SignatureFailure' }))
  })
})
