import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type FaultKind,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'
import { signal } from './service.js'

/** The time that a busy machine may need. */
const PATIENCE = { timeout: 10_000 }
const PROMPTLY_MS = 5000

/** Everything that holds this process: sockets of both ends, and timers. */
const held = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap' || name === 'Timeout').length

/** Resolves once that is nothing. With no timer of its own; those of the runner pass. */
async function nothingLeft(): Promise<void> {
  const started = performance.now()
  while (held() > 0) {
    if (performance.now() - started > PROMPTLY_MS) throw new Error(process.getActiveResourcesInfo().join(' '))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

let emulator: TencentKmsEmulator
let symmetric = ''
let rsa = ''

beforeEach(async () => {
  emulator = await startTencentKmsEmulator({
    quotas: { '*': Infinity },
    keys: [{ alias: 'symmetric' }, { alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
  })
  ;[symmetric = '', rsa = ''] = emulator.keys().map(({ region, keyId }) => `${region}/${keyId}`)
})
afterEach(() => emulator.close())

function provider(): Kms {
  return tencentKms({
    endpoint: emulator.url,
    credentials: EMULATOR_CREDENTIAL,
    requestTimeout: 60_000,
    cmks: { [rsa]: { type: 'rsa-2048' } },
  })
}

describe.each<[string, FaultKind]>([
  ['an answer that is late', { kind: 'latency', ms: 30_000 }],
  ['headers that do not come', { kind: 'stall', when: 'before-headers' }],
  ['a body that does not end', { kind: 'stall', when: 'in-body' }],
])('a KMS that is closed during %s', (_, fault) => {
  it('a KMS that is closed ends every call immediately, and leaves nothing open', async () => {
    const kms = provider()
    emulator.faults.inject({ ...fault, times: Infinity })
    const call = { context: {}, signal }
    const calls = [
      kms.generateDek({ ...call, cmkId: symmetric }),
      kms.wrapDek({ ...call, cmkId: symmetric, dek: new Uint8Array(32) }),
      kms.generateDek({ ...call, cmkId: rsa }),
      kms.verify({ ...call, cmkId: rsa, use: 'wrap' }),
    ]
    const settled = Promise.allSettled(calls)
    await vi.waitFor(() => {
      expect(emulator.calls()).toHaveLength(4)
    }, PATIENCE)
    const started = performance.now()
    await kms.close?.()
    for (const outcome of await settled)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ENCRYPTION_CLOSED' } })
    expect(performance.now() - started).toBeLessThan(PROMPTLY_MS)
    await nothingLeft()
    expect(emulator.calls()).toHaveLength(4)
  })
})

it('a call that is cancelled before the KMS is closed says so', async () => {
  const kms = provider()
  emulator.faults.inject({ kind: 'stall', when: 'before-headers' })
  const caller = new AbortController()
  const given = kms.generateDek({ cmkId: symmetric, context: {}, signal: caller.signal })
  const rejected = expect(given).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
  await vi.waitFor(() => {
    expect(emulator.calls()).toHaveLength(1)
  }, PATIENCE)
  caller.abort()
  await rejected
  await kms.close?.()
})

it('credentials that do not arrive hold neither a caller nor a timer', async () => {
  const kms = tencentKms({
    endpoint: emulator.url,
    credentials: { getCredential: () => new Promise(() => undefined) },
    requestTimeout: 60_000,
  })
  const waiting = kms.generateDek({ cmkId: symmetric, context: {}, signal })
  const rejected = expect(waiting).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  await vi.waitFor(() => {
    // Only the time-out of the credentials is left to end.
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeGreaterThan(2)
  }, PATIENCE)
  await kms.close?.()
  await rejected
  await nothingLeft()
})

it('a client of the application that ignores the signal holds no caller', async () => {
  const client = () => ({ request: () => new Promise(() => undefined) })
  const kms = tencentKms({ client, requestTimeout: 60_000 })
  const waiting = kms.generateDek({ cmkId: symmetric, context: {}, signal })
  const rejected = expect(waiting).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
  await new Promise((resolve) => setImmediate(resolve))
  await kms.close?.()
  await rejected
})
