import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { startTencentKmsEmulator, type Fault, type TencentKmsEmulator } from '../src/index.js'
import { authorization } from './support/raw-request.js'
import { codeOf, sdkClient } from './support/sdk-client.js'

let kms: TencentKmsEmulator

beforeAll(async () => {
  kms = await startTencentKmsEmulator({ quotas: { '*': Infinity } })
})
afterEach(() => {
  kms.faults.clear()
})
afterAll(() => kms.close())

interface Seen {
  readonly status?: number | undefined
  readonly type?: string | undefined
  readonly announced?: number
  readonly received: string
  /** How it ended: `end`, an error code, or `waiting`. */
  readonly end: string
}

/** The bytes that a client receives if it waits for at most `patience` ms. */
function observe(patience = 300, action = 'ListKeys', body = '{}'): Promise<Seen> {
  const headers = {
    'content-type': 'application/json',
    'x-tc-action': action,
    'x-tc-version': '2019-01-18',
    'x-tc-region': 'ap-guangzhou',
    'x-tc-timestamp': String(Math.floor(Date.now() / 1000)),
    authorization: authorization({ timestamp: Math.floor(Date.now() / 1000) }, body),
  }
  return new Promise((resolve) => {
    let seen: Omit<Seen, 'end'> = { received: '' }
    const call = request({ host: '127.0.0.1', port: kms.port, method: 'POST', agent: false, headers })
    const done = (end: string): void => {
      resolve({ ...seen, end })
      call.destroy()
    }
    const failed = (error: NodeJS.ErrnoException): void => {
      done(error.code ?? error.message)
    }
    void setTimeout(patience).then(() => {
      done('waiting')
    })
    call.once('error', failed)
    call.once('response', (response) => {
      const { statusCode: status } = response
      const type = response.headers['content-type']
      seen = { ...seen, status, type, announced: Number(response.headers['content-length']) }
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        seen = { ...seen, received: seen.received + chunk }
      })
      response.once('error', failed)
      response.once('end', () => {
        done('end')
      })
    })
    call.end(body)
  })
}

function isHalf({ announced = 0, received }: Seen): boolean {
  return received.startsWith('{"Response":') && received.length === announced >> 1
}

describe('a fault', () => {
  it('an error code as a fault is answered with HTTP 200', async () => {
    kms.faults.inject({ kind: 'error', code: 'InternalError', message: 'As asked.' })
    const { status, type, received, end } = await observe()
    expect({ status, type, end }).toEqual({ status: 200, type: 'application/json', end: 'end' })
    expect(JSON.parse(received)).toEqual({
      Response: {
        Error: { Code: 'InternalError', Message: 'As asked.' },
        RequestId: kms.calls().at(-1)?.requestId,
      },
    })
    expect(kms.calls().at(-1)).toMatchObject({ fault: 'error', code: 'InternalError' })
  })

  it.each([500, 502, 503, 504])('a fault of HTTP %i is a page of HTML', async (status) => {
    kms.faults.inject({ kind: 'http', status })
    expect(await observe()).toMatchObject({
      status,
      type: 'text/html',
      received: expect.stringContaining('<html>') as string,
      end: 'end',
    })
  })

  it('a fault of HTTP is 503 by default', async () => {
    kms.faults.inject({ kind: 'http' })
    expect(await observe()).toMatchObject({ status: 503 })
  })

  it('a fault of a malformed body is whole, and not JSON', async () => {
    kms.faults.inject({ kind: 'malformed' })
    const { received, announced, end } = await observe()
    expect(end).toBe('end')
    expect(received).toHaveLength(announced ?? -1)
    expect(() => JSON.parse(received) as unknown).toThrow(SyntaxError)
  })

  it.each(['{}', ''] as const)('a fault of an empty body is %j', async (body) => {
    kms.faults.inject({ kind: 'empty', body })
    expect(await observe()).toMatchObject({ status: 200, received: body, announced: body.length, end: 'end' })
  })

  it('a fault of a truncated body ends the connection in the middle', async () => {
    kms.faults.inject({ kind: 'truncated' })
    const seen = await observe()
    expect(seen.end).toBe('ECONNRESET')
    expect(isHalf(seen)).toBe(true)
  })

  it('a fault of a reset comes before the headers or in the body', async () => {
    kms.faults.inject({ kind: 'reset', when: 'before-headers' })
    expect(await observe()).toEqual({ received: '', end: 'ECONNRESET' })
    kms.faults.inject({ kind: 'reset', when: 'in-body' })
    const seen = await observe()
    expect(seen.end).toBe('ECONNRESET')
    expect(isHalf(seen)).toBe(true)
  })

  it('a fault of a stall leaves the caller waiting before the headers or in the body', async () => {
    kms.faults.inject({ kind: 'stall', when: 'before-headers' })
    expect(await observe()).toEqual({ received: '', end: 'waiting' })
    kms.faults.inject({ kind: 'stall', when: 'in-body' })
    const seen = await observe()
    expect(seen.end).toBe('waiting')
    expect(isHalf(seen)).toBe(true)
  })

  it('a fault of altered members replaces some members, and removes those that are undefined', async () => {
    kms.faults.inject({ kind: 'altered', members: { TotalCount: 'many', Keys: undefined } })
    const { received } = await observe()
    const { Response } = JSON.parse(received) as { Response: object }
    expect(Response).toEqual({ TotalCount: 'many', RequestId: kms.calls().at(-1)?.requestId })
  })

  it('a fault of latency answers late, but correctly', async () => {
    kms.faults.inject({ kind: 'latency', ms: 150 })
    const started = performance.now()
    expect(await observe(5_000)).toMatchObject({ status: 200, end: 'end' })
    expect(performance.now() - started).toBeGreaterThan(145)
    expect(kms.calls().at(-1)?.fault).toBeUndefined()
  })

  it('a fault of latency combines with other faults', async () => {
    kms.faults.inject({ kind: 'latency', ms: 100 })
    kms.faults.inject({ kind: 'http' })
    kms.faults.inject({ kind: 'latency', ms: 50 })
    const started = performance.now()
    expect(await observe(5_000)).toMatchObject({ status: 503 })
    expect(performance.now() - started).toBeGreaterThan(145)
    expect(await observe()).toMatchObject({ status: 200 })
  })
})

describe('faults befall', () => {
  const codes = async (times: number): Promise<string[]> => {
    const all = []
    for (let done = 0; done < times; done++) all.push(await codeOf(sdkClient(kms).ListKeys({})))
    return all
  }
  const fault = (more: Partial<Fault> = {}): Fault =>
    ({ kind: 'error', code: 'RequestLimitExceeded', ...more }) as Fault
  const hit = 'RequestLimitExceeded'

  it('one request unless said, or so many, or all until taken away', async () => {
    kms.faults.inject(fault())
    expect(await codes(2)).toEqual([hit, 'OK'])
    kms.faults.inject(fault({ times: 2 }))
    expect(await codes(3)).toEqual([hit, hit, 'OK'])
    const remove = kms.faults.inject(fault({ times: Infinity }))
    expect(await codes(3)).toEqual([hit, hit, hit])
    remove()
    expect(await codes(1)).toEqual(['OK'])
    kms.faults.inject(fault({ times: Infinity }))
    kms.faults.clear()
    expect(await codes(1)).toEqual(['OK'])
  })

  it('the action that they are for', async () => {
    kms.faults.inject(fault({ action: 'GetRegions' }))
    expect(await codes(1)).toEqual(['OK'])
    expect(await codeOf(sdkClient(kms).GetRegions())).toBe(hit)
  })

  it('one after another', async () => {
    kms.faults.inject(fault())
    kms.faults.inject({ kind: 'error', code: 'InternalError' })
    expect(await codes(3)).toEqual([hit, 'InternalError', 'OK'])
  })

  it('a share of requests, and the same ones for the same seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      kms.faults.clear()
      kms.faults.inject(fault({ times: Infinity, probability: 0.5, seed }))
      return codes(60)
    }
    const one = await run(7)
    const hits = one.filter((code) => code === hit).length
    expect(hits).toBeGreaterThan(15)
    expect(hits).toBeLessThan(45)
    expect(await run(7)).toEqual(one)
    expect(await run(8)).not.toEqual(one)
  })

  it('an action that has run all the same, but for error and http', async () => {
    const created = async (alias: string, fault: Fault): Promise<boolean> => {
      kms.faults.inject(fault)
      await observe(5_000, 'CreateKey', JSON.stringify({ Alias: alias }))
      return kms.keys().some((key) => key.alias === alias)
    }
    expect(await created('a', { kind: 'error', code: 'InternalError' })).toBe(false)
    expect(await created('b', { kind: 'http' })).toBe(false)
    expect(await created('c', { kind: 'reset', when: 'before-headers' })).toBe(true)
    expect(await created('d', { kind: 'truncated' })).toBe(true)
    expect(await created('e', { kind: 'malformed' })).toBe(true)
  })
})
