import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kms } from '../../../src/kms/kms.js'
import { vaultKms, type VaultKmsOptions } from '../../../src/kms/vault/index.js'

/** A call as received. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

export interface Reply {
  readonly status: number
  /** JSON, or nothing. */
  readonly body?: unknown
}

export const NAME = 'transit.vault.example.com'
export const CMK = `${NAME}/orders`
export const TOKEN = 's.exampleexampleexample'
export const DEK: Uint8Array = Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)
export const CIPHERTEXT = `vault:v3:${Buffer.alloc(60, 7).toString('base64')}`
export const signal: AbortSignal = new AbortController().signal
export const call = { cmkId: CMK, context: { tenant: 'acme' }, signal } as const

/** What Vault says of a key that is as it should be. */
export const GOOD_KEY = {
  type: 'aes256-gcm96',
  derived: true,
  convergent_encryption: false,
  supports_encryption: true,
  latest_version: 3,
} as const

export const data = (members: object): Reply => ({ status: 200, body: { data: members, auth: null } })
export const refused = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } })
export const lease = (token: string, seconds = 3600): Reply => ({
  status: 200,
  body: { data: null, auth: { client_token: token, lease_duration: seconds, renewable: true } },
})

/** The answers of a Vault that works. */
export function works({ path }: Asked): Reply {
  const plaintext = Buffer.from(DEK).toString('base64')
  if (path === '/v1/auth/token/lookup-self') return data({ ttl: 0, renewable: false })
  if (path.startsWith('/v1/auth/')) return lease(TOKEN)
  if (path.startsWith('/v1/transit/keys/')) return data(GOOD_KEY)
  if (path.startsWith('/v1/transit/decrypt/')) return data({ plaintext })
  return data({ ciphertext: CIPHERTEXT, plaintext, key_version: 3 })
}

/** A server that records calls, and answers as a test says. It checks no token. */
export interface Stub {
  readonly address: string
  readonly asked: readonly Asked[]
  readonly kms: (options?: Partial<VaultKmsOptions>) => Kms
  close(): Promise<void>
}

export async function startStub(answer: (asked: Asked) => Reply | Promise<Reply> = works): Promise<Stub> {
  const asked: Asked[] = []
  const made: Kms[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const text = Buffer.concat(chunks).toString()
      const one = { method, path, headers, body: (text === '' ? {} : JSON.parse(text)) as Asked['body'] }
      asked.push(one)
      void Promise.resolve(answer(one)).then(({ status, body }) => {
        response.writeHead(status).end(body === undefined ? '' : JSON.stringify(body))
      })
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    address,
    asked,
    kms(options = {}) {
      const kms = vaultKms({ address, name: NAME, auth: { method: 'token', token: TOKEN }, ...options })
      made.push(kms)
      return kms
    },
    async close() {
      for (const kms of made) await kms.close?.()
      const closed = once(server.close(), 'close')
      server.closeAllConnections()
      await closed
    },
  }
}
