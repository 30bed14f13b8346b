import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FailureKind } from '../../src/error-codes.js'
import { isEnvelopeError } from '../../src/errors.js'
import { KNOWN_CODES } from '../../src/kms/aws/failures.js'
import { awsKms } from '../../src/kms/aws/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { KNOWN_ANSWERS } from '../../src/kms/vault/failures.js'
import { vaultKms } from '../../src/kms/vault/index.js'

/*
 * What answers of KMSs mean: the same to this library and to the readers in Python and Java, whose tests read the same
 * files. The codes in them are those of docs/format.md.
 */

interface Answer {
  /** Of Vault: the call that is answered so. */
  readonly to?: 'key' | 'decrypt'
  readonly status: number
  readonly json?: Readonly<Record<string, unknown>>
  /** The body, if it is not JSON. */
  readonly text?: string
  /** Null if the DEK comes out. */
  readonly code: string | null
  readonly kind: FailureKind | null
}

interface OfAws {
  readonly cmkId: string
  readonly dek: string
  readonly answers: readonly Answer[]
}

interface OfVault extends OfAws {
  readonly name: string
  readonly ciphertextDek: string
  /** What a look at the key returns if the answer is to another call. */
  readonly key: object
}

const read = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`kms-answers/${file}`, import.meta.url), 'utf8'))
const aws = read('aws-kms.json') as OfAws
const vault = read('vault-transit.json') as OfVault

/** Codes of this library that the format leaves to others; the readers use more general ones. */
const IN_THE_FORMAT: Readonly<Record<string, string>> = {
  CIPHERTEXT_DEK_INVALID: 'UNWRAP_FAILED',
  CMK_MISMATCH: 'UNWRAP_FAILED',
  KMS_CREDENTIALS_UNAVAILABLE: 'KMS_UNAVAILABLE',
  KMS_RESPONSE_INVALID: 'KMS_UNAVAILABLE',
}

/** How the server answers a path. */
let answered: (path: string) => Pick<Answer, 'status' | 'json' | 'text'>
let server: Server
let url: string
const made: Kms[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { status, json, text = JSON.stringify(json) } = answered(request.url ?? '')
      response.writeHead(status).end(text)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
})
afterEach(async () => {
  for (const kms of made.splice(0)) await kms.close?.()
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function outcome(
  kms: Kms,
  cmkId: string,
  ciphertextDek: Uint8Array,
): Promise<Pick<Answer, 'code' | 'kind'> & { readonly dek?: string }> {
  made.push(kms)
  const call = { cmkId, context: { tenant: 'acme' }, ciphertextDek, signal: new AbortController().signal }
  try {
    return { dek: Buffer.from(await kms.unwrapDek(call)).toString('hex'), code: null, kind: null }
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    return { code: IN_THE_FORMAT[error.code] ?? error.code, kind: error.kind ?? null }
  }
}

const expected = ({ code, kind }: Answer, dek: string): object => ({
  code,
  kind,
  ...(code === null ? { dek } : {}),
})

const named = (answers: readonly Answer[]): readonly (readonly [name: string, answer: Answer])[] =>
  answers.map((answer) => {
    const { to, status, json, text = JSON.stringify(json) } = answer
    return [`${to === undefined ? '' : `to ${to}: `}${String(status)} ${text}`, answer]
  })

describe('answers of AWS KMS', () => {
  it.each(named(aws.answers))('this answer of AWS KMS means what the table says: %s', async (_, answer) => {
    answered = () => answer
    for (const type of ['symmetric', 'rsa-2048'] as const) {
      const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-an-example' }
      const kms = awsKms({ endpoint: url, credentials, cmks: { [aws.cmkId]: { type } } })
      expect(await outcome(kms, aws.cmkId, new Uint8Array(256))).toEqual(expected(answer, aws.dek))
    }
  })

  it('every code of AWS KMS that this library distinguishes is in the table', () => {
    const codes = aws.answers.map(({ json }) => json?.['__type'])
    expect(KNOWN_CODES.filter((code) => !codes.includes(code))).toEqual([])
  })
})

describe('answers of Vault', () => {
  it.each(named(vault.answers))('this answer of Vault means what the table says: %s', async (_, answer) => {
    const good: Readonly<Record<string, object>> = {
      keys: vault.key,
      decrypt: { data: { plaintext: Buffer.from(vault.dek, 'hex').toString('base64') } },
      // The provider looks up how long its token lives.
      token: { data: { ttl: 0, renewable: false } },
    }
    answered = (path) => {
      const part = /\/(keys|decrypt|token)\//.exec(path)?.[1] ?? ''
      return part === (answer.to === 'key' ? 'keys' : answer.to)
        ? answer
        : { status: 200, json: { ...good[part] } }
    }
    const kms = vaultKms({ address: url, name: vault.name, auth: { method: 'token', token: 's.token' } })
    const ciphertextDek = Buffer.from(vault.ciphertextDek)
    expect(await outcome(kms, vault.cmkId, ciphertextDek)).toEqual(expected(answer, vault.dek))
  })

  it.each([
    ['read key', 'key'],
    ['decrypt', 'decrypt'],
  ] as const)('every answer to "%s" that this library distinguishes is in the table', (action, call) => {
    const missing = KNOWN_ANSWERS.filter(({ to }) => to?.includes(action) !== false).filter(
      ({ status, says = '' }) =>
        !vault.answers.some((each) => {
          const { errors } = each.json ?? {}
          return (
            each.to === call &&
            each.status === status &&
            Array.isArray(errors) &&
            JSON.stringify(errors).includes(says)
          )
        }),
    )
    expect(missing).toEqual([])
  })
})
