import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { thrownBy } from '../../support/emissions.js'

it('a redirect to another host is not followed: the request has a DEK in it', async () => {
  const asked: string[] = []
  const other = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end('{}')
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.2', resolve))
  const elsewhere = `http://127.0.0.2:${String((other.address() as AddressInfo).port)}/`
  const endpoint = createServer((_, response) => {
    response.writeHead(307, { location: elsewhere })
    response.end()
  })
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve))
  const kms = tencentKms({
    credentials: { secretId: 'id', secretKey: 'key' },
    endpoint: `http://127.0.0.1:${String((endpoint.address() as AddressInfo).port)}`,
  })
  const call = { cmkId: 'ap-guangzhou/k', context: {}, signal: new AbortController().signal }
  expect(await thrownBy(() => kms.wrapDek({ ...call, dek: new Uint8Array(32) }))).toMatchObject({
    code: 'KMS_UNAVAILABLE',
  })
  expect(asked).toEqual([])
  await kms.close?.()
  for (const server of [other, endpoint]) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
