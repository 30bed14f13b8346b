import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import { Refusal } from './refusal.js'

/*
 * TC3-HMAC-SHA256, the vendor's "Signature v3":
 *
 *   canonical request  POST \n / \n \n header:value \n… \n SignedHeaders \n hex(sha256(body))
 *   string to sign     TC3-HMAC-SHA256 \n timestamp \n date/service/tc3_request \n hex(sha256(canonical request))
 *   key                HMAC(HMAC(HMAC("TC3" + secretKey, date), service), "tc3_request")
 */

const ALGORITHM = 'TC3-HMAC-SHA256'
const AUTHORIZATION =
  /^TC3-HMAC-SHA256 Credential=([^/\s,]+)\/(\d{4}-\d{2}-\d{2})\/([^/\s,]+)\/tc3_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/
/** "Timestamp and server time cannot differ by more than five minutes." */
const MAX_SKEW_SECONDS = 300

/** The signed parts of a request. */
export interface SignedRequest {
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** A well-formed `Authorization` header, not verified yet. */
export interface Authorization {
  readonly secretId: string
  readonly date: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

/** @throws Refusal AuthFailure.InvalidAuthorization if the header is missing or has another form */
export function parseAuthorization(headers: IncomingHttpHeaders): Authorization {
  const [, secretId, date, service, signed, signature] = AUTHORIZATION.exec(headers.authorization ?? '') ?? []
  if (!secretId || !date || !service || !signed || !signature) {
    throw new Refusal(
      'AuthFailure.InvalidAuthorization',
      `Authorization must be of the form of ${ALGORITHM}.`,
    )
  }
  return { secretId, date, service, signedHeaders: signed.split(';'), signature }
}

/** @throws Refusal AuthFailure.SignatureExpire, AuthFailure.SignatureFailure */
export function verifySignature(
  request: SignedRequest,
  authorization: Authorization,
  secretKey: string,
  clock: { readonly timestamp: number; readonly nowMs: number },
): void {
  const { timestamp } = clock
  if (Math.abs(clock.nowMs / 1000 - timestamp) > MAX_SKEW_SECONDS) {
    throw new Refusal('AuthFailure.SignatureExpire', 'X-TC-Timestamp is over five minutes off.')
  }
  const { date, service, signedHeaders, signature } = authorization
  const host = hostOf(request.headers)
  if (date !== dateOf(timestamp)) throw failure('the date of the credential is not that of X-TC-Timestamp')
  if (!signedHeaders.includes('content-type') || !signedHeaders.includes('host')) {
    throw failure('content-type and host must be signed')
  }
  if (!servicesOf(host).includes(service)) throw failure('the credential is for another service')
  // The vendor's SDKs sign the host without its port; a signer that uses the header unchanged signs it with the port.
  const valid = [host.name, host.withPort].some((signedHost) => {
    const headers = canonicalHeaders(request.headers, signedHeaders, signedHost)
    return (
      headers !== undefined &&
      sameHex(signature, sign({ secretKey, timestamp, service, headers, signedHeaders, body: request.body }))
    )
  })
  if (!valid) throw failure('please check your signature')
}

/** The signature of a POST to `/`. `headers` are canonical: lower-case `name:value\n`, one after another. */
export function sign(request: {
  readonly secretKey: string
  /** Unix, seconds. */
  readonly timestamp: number
  readonly service: string
  readonly headers: string
  readonly signedHeaders: readonly string[]
  readonly body: Uint8Array
}): string {
  const canonical = ['POST', '/', '', request.headers, request.signedHeaders.join(';'), sha256(request.body)]
  const date = dateOf(request.timestamp)
  const scope = `${date}/${request.service}/tc3_request`
  const toSign = [ALGORITHM, request.timestamp, scope, sha256(canonical.join('\n'))].join('\n')
  const key = [date, request.service, 'tc3_request'].reduce<string | Buffer>(hmac, `TC3${request.secretKey}`)
  return hmac(key, toSign).toString('hex')
}

/** `undefined` if a header is missing that should be signed. */
function canonicalHeaders(
  headers: IncomingHttpHeaders,
  names: readonly string[],
  host: string,
): string | undefined {
  const values = names.map((name) => (name === 'host' ? host : headers[name]))
  if (!values.every((value) => typeof value === 'string')) return undefined
  return names.map((name, at) => `${name}:${(values[at] ?? '').trim().toLowerCase()}\n`).join('')
}

interface Host {
  readonly name: string
  readonly withPort: string
}

function hostOf(headers: IncomingHttpHeaders): Host {
  const withPort = headers.host ?? ''
  return { name: withPort.replace(/:\d+$/, ''), withPort }
}

/**
 * The SDKs use the part of the endpoint before its first dot as the service: `127` for 127.0.0.1:8080, `localhost:8080`
 * for localhost:8080.
 */
function servicesOf({ name, withPort }: Host): readonly string[] {
  return name.endsWith('.tencentcloudapi.com') ? ['kms'] : ['kms', withPort.split('.')[0] ?? '']
}

function failure(why: string): Refusal {
  return new Refusal(
    'AuthFailure.SignatureFailure',
    `The provided credentials could not be validated: ${why}.`,
  )
}

function dateOf(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().slice(0, 10)
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** Both are 64 digits. */
function sameHex(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'))
}
