import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KMSClient } from '@aws-sdk/client-kms'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { awsKms, type AwsKmsClient, type AwsKmsOptions } from '../../../src/kms/aws/index.js'
import { systemClock } from '../../../src/clock.js'
import { sdkClients } from '../../../src/kms/aws/sdk-clients.js'
import { loadSdk, type AwsSdk, type SdkClientConfig } from '../../../src/kms/aws/sdk.js'
import type { Kms } from '../../../src/kms/kms.js'
import { thrownBy } from '../../support/emissions.js'
import { CMK, DEK, REGION, SECRET, signal } from './service.js'

const call = { cmkId: CMK, context: { tenant: 'acme' }, signal }
const ANSWER = { KeyId: CMK, Plaintext: Buffer.from(DEK).toString('base64'), CiphertextBlob: 'AQID' }

/** Answers of a service, in order; the last one again and again. */
let answers: (readonly [status: number, body: object])[]
let asked: { readonly headers: IncomingHttpHeaders; readonly body: unknown }[]
let url: string
let connections: number
let stop: () => void
const open: Kms[] = []

beforeEach(async () => {
  answers = [[200, ANSWER]]
  asked = []
  connections = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) })
      const [status, body] = (answers.length > 1 ? answers.shift() : answers[0]) ?? [500, {}]
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    })
  })
  server.on('connection', () => connections++)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const kms of open.splice(0)) await kms.close?.()
  stop()
})

function kmsWith(options: AwsKmsOptions = {}): Kms {
  const kms = awsKms({ endpoint: url, credentials: SECRET, requestTimeout: '2s', ...options })
  open.push(kms)
  return kms
}

const expired = [400, { __type: 'ExpiredTokenException', message: 'x' }] as const

describe('the AWS SDK', () => {
  it('the AWS SDK signs for the region of the CMK, over one connection, and retries nothing by itself', async () => {
    const kms = kmsWith()
    for (let i = 0; i < 3; i++) expect((await kms.generateDek(call)).dek).toEqual(DEK)
    expect(connections).toBe(1)
    expect(asked[0]?.headers.authorization).toContain(`/${REGION}/kms/aws4_request`)
    expect(asked[0]?.body).toEqual({ KeyId: CMK, KeySpec: 'AES_256', EncryptionContext: { tenant: 'acme' } })
    answers = [[500, { __type: 'KMSInternalException' }]]
    asked = []
    expect(await thrownBy(() => kms.generateDek(call))).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(asked).toHaveLength(1)
  })

  it('the AWS SDK changes no object with credentials, so that it can be an option again', async () => {
    const credentials = { ...SECRET }
    for (const given of [credentials, () => Promise.resolve(credentials), credentials]) {
      expect((await kmsWith({ credentials: given }).generateDek(call)).dek).toEqual(DEK)
      expect(credentials).toEqual(SECRET)
    }
  })

  it('the AWS SDK takes no endpoint from the environment: it would decide where DEKs go', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', url)
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', url)
    const hosts: string[] = []
    const sdk = await loadSdk()
    const connections = sdkClients({
      sdk: () => Promise.resolve({ ...sdk, KMSClient: clientsThatOnlyNameTheirHost(hosts) }),
      credentials: { ...SECRET },
      endpoint: undefined,
      maxSockets: 1,
      timeoutMs: 1000,
      clock: systemClock,
    })
    const { client } = await connections.connect(REGION, signal)
    await thrownBy(() => client.send(new sdk.DecryptCommand({}), { abortSignal: signal }))
    expect(hosts).toEqual([`kms.${REGION}.amazonaws.com`])
    connections.close()
  })

  it('the AWS SDK finds credentials itself if none are given', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAOFTHEENVIRONMENT')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    const kms = awsKms({ endpoint: url })
    open.push(kms)
    await kms.generateDek(call)
    expect(asked[0]?.headers.authorization).toContain('Credential=AKIAOFTHEENVIRONMENT/')
  })

  it('a client of the application works, and stays open when the provider is closed', async () => {
    const regions: string[] = []
    const client = new KMSClient({
      region: REGION,
      endpoint: url,
      credentials: { ...SECRET },
      maxAttempts: 1,
    })
    // Without a cast: it has the type that the option asks for.
    const make = (region: string): AwsKmsClient => {
      regions.push(region)
      return client
    }
    const kms = awsKms({ client: make })
    await kms.generateDek(call)
    await kms.generateDek(call)
    await kms.close?.()
    expect(regions).toEqual([REGION])
    const again = awsKms({ client: make })
    await again.generateDek(call)
    client.destroy()
  })

  it('a missing SDK is not an outage, and the error says what to install', async () => {
    const error = await thrownBy(() => loadSdk(() => Promise.reject(new Error('not found'))))
    expect(error).toMatchObject({ code: 'KMS_SDK_MISSING', retriable: false })
    expect(String(error)).toContain('npm install @aws-sdk/client-kms')
  })
})

describe('credentials of AWS', () => {
  it('credentials of AWS that the service calls stale are fetched once more, and the call is repeated once', async () => {
    let fetched = 0
    const credentials = () =>
      Promise.resolve({ ...SECRET, accessKeyId: `AKIA${String(++fetched)}`, expiration: inAnHour() })
    const kms = kmsWith({ credentials })
    answers = [expired, [200, ANSWER]]
    expect((await kms.generateDek(call)).dek).toEqual(DEK)
    expect(asked.map(({ headers }) => /Credential=(\w+)/.exec(String(headers.authorization))?.[1])).toEqual([
      'AKIA1',
      'AKIA2',
    ])
    answers = [expired]
    expect(await thrownBy(() => kms.generateDek(call))).toMatchObject({
      code: 'KMS_DENIED',
      kmsCode: 'ExpiredTokenException',
    })
    expect([asked.length, fetched]).toEqual([4, 3])
  })

  it.each<[string, () => Promise<never>]>([
    ['fails', () => Promise.reject(new Error(SECRET.secretAccessKey))],
    ['fails with a code of KMS', () => Promise.reject(named('AccessDeniedException'))],
    ['hangs', () => new Promise(() => undefined)],
  ])(
    'a source of credentials of AWS that %s is an outage, and its text is not repeated',
    async (_, source) => {
      const kms = kmsWith({ credentials: source, requestTimeout: '50ms' })
      const error = await thrownBy(() => kms.generateDek(call))
      expect(error).toMatchObject({
        code: 'KMS_CREDENTIALS_UNAVAILABLE',
        retriable: true,
        kmsCode: undefined,
      })
      expect(String(error)).not.toContain(SECRET.secretAccessKey)
      expect(asked).toEqual([])
    },
  )

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty object', {}],
    ['no secret', { accessKeyId: SECRET.accessKeyId }],
    ['a secret with a line break', { ...SECRET, secretAccessKey: `${SECRET.secretAccessKey}\n` }],
    ['a session token that is not text', { ...SECRET, sessionToken: 7 }],
    ['a time in text', { ...SECRET, expiration: '2030-01-01T00:00:00Z' }],
    ['a time that is none', { ...SECRET, expiration: new Date('never') }],
  ])(
    'a source of credentials of AWS that gives %s is an outage until it gives credentials',
    async (_, given) => {
      const gives = [given, SECRET]
      const kms = kmsWith({ credentials: () => Promise.resolve(gives.shift()) as Promise<typeof SECRET> })
      const error = await thrownBy(() => kms.generateDek(call))
      expect(error).toMatchObject({ code: 'KMS_CREDENTIALS_UNAVAILABLE', retriable: true })
      expect(String(error)).toContain('`accessKeyId` and `secretAccessKey`')
      expect(String(error)).not.toContain(SECRET.secretAccessKey)
      expect(asked).toEqual([])
      expect((await kms.generateDek(call)).dek).toEqual(DEK)
    },
  )

  it('a source of credentials of AWS gets the configuration of the client, as the SDK passes it', async () => {
    const got: unknown[] = []
    const credentials = (options?: unknown) => {
      got.push(options)
      return Promise.resolve(SECRET)
    }
    await kmsWith({ credentials }).generateDek(call)
    expect(got).toMatchObject([{ callerClientConfig: {} }])
  })

  it.each(['AccessDenied', 'AccessDeniedException', 'ExpiredTokenException', 'Unknown'])(
    'an error %s of another service that a client of the application asks for credentials is no denial by KMS',
    async (name) => {
      const client = new KMSClient({
        region: REGION,
        endpoint: url,
        credentials: () => Promise.reject(named(name)),
        maxAttempts: 1,
      })
      const kms = awsKms({ client: () => client })
      const error = await thrownBy(() => kms.generateDek(call))
      expect(error).toMatchObject({
        code: 'KMS_CREDENTIALS_UNAVAILABLE',
        retriable: true,
        kmsCode: undefined,
      })
      expect(String(error)).not.toContain(SECRET.secretAccessKey)
      expect(asked).toEqual([])
      client.destroy()
    },
  )

  it('a denial by KMS stays one with a client of the application', async () => {
    const client = new KMSClient({
      region: REGION,
      endpoint: url,
      credentials: { ...SECRET },
      maxAttempts: 1,
    })
    answers = [[400, { __type: 'AccessDeniedException' }]]
    const error = await thrownBy(() => awsKms({ client: () => client }).generateDek(call))
    expect(error).toMatchObject({ code: 'KMS_DENIED', kmsCode: 'AccessDeniedException' })
    client.destroy()
  })

  it('a call that waits for credentials of AWS ends when it is cancelled', async () => {
    const kms = kmsWith({ credentials: () => new Promise(() => undefined) })
    const controller = new AbortController()
    const error = thrownBy(() => kms.generateDek({ ...call, signal: controller.signal }))
    controller.abort()
    expect(await error).toMatchObject({ code: 'KMS_TIMEOUT' })
    const closing = thrownBy(() => kms.generateDek(call))
    await kms.close?.()
    expect(await closing).toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  })
})

describe('importing the provider of AWS', () => {
  const index = fileURLToPath(new URL('../../../src/kms/aws/index.ts', import.meta.url))

  it('importing the provider of AWS loads nothing of the SDK; describing a CMK does', async () => {
    const code = `
      const { awsKms } = await import(${JSON.stringify(index)})
      const { createRequire } = await import('node:module')
      const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@aws-sdk')).length
      const before = loaded()
      await awsKms().describe(${JSON.stringify(CMK)}, new AbortController().signal)
      console.log(JSON.stringify([before, loaded() > 0]))`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
    expect(JSON.parse(stdout)).toEqual([0, true])
  })
})

/** The SDK's clients as they are configured, but for a network that they do not have. */
function clientsThatOnlyNameTheirHost(hosts: string[]): AwsSdk['KMSClient'] {
  return class extends KMSClient {
    constructor({ credentials: _, ...config }: SdkClientConfig) {
      super({
        ...config,
        credentials: { ...SECRET },
        requestHandler: {
          handle({ hostname }: { readonly hostname: string }) {
            hosts.push(hostname)
            return Promise.reject(new Error('no network'))
          },
        },
      })
    }
  }
}

function inAnHour(): Date {
  return new Date(Date.now() + 3_600_000)
}

function named(name: string): Error {
  return Object.assign(new Error(SECRET.secretAccessKey), { name, $fault: 'client', $metadata: {} })
}
