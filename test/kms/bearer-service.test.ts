import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.js'
import { isEnvelopeError } from '../../src/errors.js'
import { BearerService } from '../../src/kms/bearer-service.js'
import { JsonService } from '../../src/kms/json-service.js'

const PAGE = '<html><body>401 Authorization Required</body></html>'
const { signal } = new AbortController()

let server: Server
/** The tokens of the requests, in order. */
let sent: string[]
/** Bodies with status 401, for the next requests. */
let refusals: string[]

beforeEach(async () => {
  sent = []
  refusals = []
  server = createServer((request, answer) => {
    sent.push(String(request.headers.authorization))
    const refusal = refusals.shift()
    if (refusal === undefined) answer.end('{"value":1}')
    else answer.writeHead(401).end(refusal)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => {
  server.close()
  server.closeAllConnections()
})

/** Makes one request with the next of these tokens each time it is asked; the last one serves on. */
async function requestWith(...tokens: [string, ...string[]]): Promise<unknown> {
  const clock = systemClock
  const baseUrl = new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`)
  const service = new BearerService({
    service: new JsonService({ name: 'Service', baseUrl, requestTimeoutMs: 2000, clock }),
    token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]),
    timeoutMs: 2000,
    clock,
  })
  try {
    const { status, body } = await service.request(
      { action: 'encrypt', method: 'POST', path: '/', body: {} },
      signal,
    )
    return [status, body]
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    return error.code
  } finally {
    service.close()
  }
}

describe('a service that takes bearer tokens', () => {
  it.each([
    ['JSON', '{"error":{}}'],
    ['nothing', ''],
    ['a page of a gateway', PAGE],
  ])('a token that is refused with %s is replaced once by another one', async (_, refusal) => {
    refusals = [refusal]
    expect(await requestWith('stale', 'fresh')).toEqual([200, { value: 1 }])
    expect(sent).toEqual(['Bearer stale', 'Bearer fresh'])
  })

  it('a token that is refused is not sent again if there is no other one', async () => {
    refusals = [PAGE, PAGE]
    expect(await requestWith('stale')).toBe('KMS_RESPONSE_INVALID')
    expect(sent).toEqual(['Bearer stale'])
  })

  it('a second token that is refused ends the call, as the answer says', async () => {
    refusals = [PAGE, PAGE]
    expect(await requestWith('stale', 'fresh')).toBe('KMS_RESPONSE_INVALID')
    refusals = [PAGE, '{"error":{}}']
    expect(await requestWith('stale', 'fresh')).toEqual([401, { error: {} }])
    expect(sent).toHaveLength(4)
  })
})
