import { createHash, createHmac } from 'node:crypto'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'

import { EMULATOR_CREDENTIAL, type TencentKmsEmulator } from '../../src/index.js'

/** A request that no SDK would send. Every member except `action` has a correct default. */
export interface RawRequest {
  readonly action?: string
  readonly body?: string | Buffer
  readonly method?: string
  /** Sent unchanged; `undefined` removes a default header. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** The input of the signature, if it differs from the request. */
  readonly signed?: {
    readonly secretId?: string
    readonly secretKey?: string
    /** Unix, seconds. Also sent. */
    readonly timestamp?: number
    readonly date?: string
    readonly service?: string
    readonly host?: string
    /** Canonical lines by name, in the order in which they are signed. */
    readonly lines?: Readonly<Record<string, string>>
    readonly body?: string
  }
}

export interface RawAnswer {
  readonly status: number | undefined
  readonly text: string
  readonly code: string
}

export async function send(
  { port }: TencentKmsEmulator,
  { action = 'ListKeys', body = '{}', method = 'POST', headers = {}, signed = {} }: RawRequest,
): Promise<RawAnswer> {
  const timestamp = signed.timestamp ?? Math.floor(Date.now() / 1000)
  const host = `127.0.0.1:${String(port)}`
  const all: Record<string, string | undefined> = {
    host,
    'content-type': 'application/json',
    'x-tc-action': action,
    'x-tc-version': '2019-01-18',
    'x-tc-region': 'ap-guangzhou',
    'x-tc-timestamp': String(timestamp),
    authorization: authorization({ ...signed, timestamp }, body),
    ...headers,
  }
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const call = request({ host: '127.0.0.1', port, method, path: '/', headers: Object.fromEntries(sent) })
  const answered = new Promise<RawAnswer>((resolve, reject) => {
    call.once('error', reject)
    call.once('response', (response) => {
      text(response).then((received) => {
        resolve({ status: response.statusCode, text: received, code: codeIn(received) })
      }, reject)
    })
  })
  call.end(body)
  return answered
}

/** Written from the vendor's description of Signature v3, not from the emulator. */
export function authorization(
  signed: NonNullable<RawRequest['signed']> & { readonly timestamp: number },
  body: string | Buffer,
): string {
  const { secretId, secretKey } = { ...EMULATOR_CREDENTIAL, ...signed }
  const date = signed.date ?? new Date(signed.timestamp * 1000).toISOString().slice(0, 10)
  const service = signed.service ?? 'kms'
  const lines = signed.lines ?? { 'content-type': 'application/json', host: signed.host ?? '127.0.0.1' }
  const names = Object.keys(lines).join(';')
  const canonical = `POST\n/\n\n${Object.entries(lines)
    .map(([name, value]) => `${name}:${value}\n`)
    .join('')}\n${names}\n${hash(signed.body ?? body)}`
  const scope = `${date}/${service}/tc3_request`
  const toSign = `TC3-HMAC-SHA256\n${String(signed.timestamp)}\n${scope}\n${hash(canonical)}`
  const key = mac(mac(mac(`TC3${secretKey}`, date), service), 'tc3_request')
  const signature = mac(key, toSign).toString('hex')
  return `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
}

function codeIn(received: string): string {
  try {
    const { Response } = JSON.parse(received) as { Response: { Error?: { Code: string } } }
    return Response.Error?.Code ?? 'OK'
  } catch {
    return 'not JSON'
  }
}

function hash(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function mac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
