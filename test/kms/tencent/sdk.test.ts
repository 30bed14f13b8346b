import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as full from 'tencentcloud-sdk-nodejs/tencentcloud/services/kms/v20190118/kms_client.js'
import * as common from 'tencentcloud-sdk-nodejs-common'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tencentKms, type TencentClient } from '../../../src/kms/tencent/index.js'
import { loadSdk } from '../../../src/kms/tencent/sdk.js'
import { CMK, SECRET, signal, startService, symmetricCmks, type Service } from './service.js'

const call = { cmkId: CMK, context: {}, signal }
let service: Service

beforeEach(async () => {
  service = await startService(symmetricCmks())
})
afterEach(() => service.close())

describe('either package of the SDK', () => {
  const config = (region: string) => ({
    credential: SECRET,
    region,
    profile: { httpProfile: { protocol: 'http://', endpoint: service.url.replace('http://', '') } },
  })

  it.each<[string, (region: string) => TencentClient]>([
    ['the KMS client of the full one', (region) => new full.Client(config(region))],
    [
      'the common client of the light one',
      (region) => new common.CommonClient('kms', '2019-01-18', config(region)),
    ],
  ])('either package of the SDK works with a client that the application makes: %s', async (_, client) => {
    const regions: string[] = []
    const kms = tencentKms({
      client: (region) => {
        regions.push(region)
        return client(region)
      },
    })
    const { dek, ciphertextDek } = await kms.generateDek(call)
    expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    expect(service.asked[0]?.headers['x-tc-region']).toBe('ap-guangzhou')
    expect(regions).toEqual(['ap-guangzhou'])
    await kms.close?.()
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('secretId=AKID')
      },
    ],
    ['returns nothing', () => undefined],
    ['returns something else', () => ({ request: 'no' })],
  ])('a factory of clients that %s is not an outage: waiting would not help', async (_, make) => {
    const kms = tencentKms({ client: make as () => TencentClient })
    const failure = await kms.generateDek(call).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'KMS_REFUSED', retriable: false })
    expect(String(failure)).not.toContain('AKID')
    await kms.close?.()
  })

  it('either package of the SDK works alone: the other one need not be installed', async () => {
    const missing = () =>
      Promise.reject(Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' }))
    const light = () => import('tencentcloud-sdk-nodejs-common')
    for (const packages of [[missing, light], [light]]) {
      const sdk = await loadSdk(packages)
      expect(typeof sdk.CommonClient).toBe('function')
      expect(typeof sdk.CvmRoleCredential).toBe('function')
    }
    await expect(loadSdk([missing, missing])).rejects.toMatchObject({
      code: 'KMS_SDK_MISSING',
      retriable: false,
    })
  })
})

it('with a proxy, every call goes through it', async () => {
  const asked: string[] = []
  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    asked.push(String(request.url))
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  const kms = tencentKms({ credentials: SECRET, proxy: `http://127.0.0.1:${String(port)}` })
  try {
    await expect(kms.generateDek(call)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(asked).toEqual(['kms.ap-guangzhou.tencentcloudapi.com:443'])
  } finally {
    await kms.close?.()
    await new Promise((resolve) => proxy.close(resolve))
  }
})

describe('importing the provider', () => {
  const index = fileURLToPath(new URL('../../../src/kms/tencent/index.ts', import.meta.url))

  /** The modules of the SDK that a process has loaded after `script`, by path below the packages. */
  async function loaded(script: string): Promise<string[]> {
    const code = `
      const { createRequire } = await import('node:module')
      const { tencentKms } = await import(${JSON.stringify(index)})
      const { signal } = new AbortController()
      ${script}
      const { cache } = createRequire(import.meta.url)
      console.log(JSON.stringify(Object.keys(cache)))`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
    return (JSON.parse(stdout) as string[])
      .map((path) => /node_modules\/(tencentcloud-sdk-nodejs.*)$/.exec(path)?.[1])
      .filter((path) => path !== undefined)
  }

  it('importing the provider loads nothing of the SDK; describing a CMK loads the common part and none of the products', async () => {
    expect(await loaded('')).toEqual([])
    const modules = await loaded(`
      const kms = tencentKms({ credentials: { secretId: 'id', secretKey: 'key' } })
      await kms.describe('ap-guangzhou/x', signal)
      await kms.close()`)
    expect(modules.length).toBeGreaterThan(5)
    expect(modules.filter((path) => path.includes('/services/'))).toEqual([])
    expect(
      modules.filter((path) => !path.includes('/node_modules/') && !path.includes('/tencentcloud/common/')),
    ).toEqual([])
  })
})
