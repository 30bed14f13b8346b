import { setMaxListeners } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { isEnvelopeError, type ErrorCode } from '../../../src/errors.js'
import { createEncryption, type Encryption } from '../../../src/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { tencentKms } from '../../../src/kms/tencent/index.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
  type EmulatorKey,
  type FaultKind,
  type TencentKmsEmulator,
} from '../../../packages/tencent-kms-emulator/src/index.js'

/** Of one call. */
const DEADLINE = '1000ms'
const DEADLINE_MS = Number.parseInt(DEADLINE)
/** Of a call of the owner: three attempts, and the pauses between them, begin in its first half. */
const KMS_TIMEOUT_MS = 8000
/** The time that a busy machine may add. */
const SLACK_MS = 2000
const ATTEMPTS = 3

/** Every fault of the emulator, with the error that `docs/tencent-kms.md` says it becomes. */
const FAULTS: readonly (readonly [what: string, fault: FaultKind, ...codes: (ErrorCode | 'none')[]])[] = [
  ['an answer that is late, but in time', { kind: 'latency', ms: 50 }, 'none'],
  ['an answer that is too late', { kind: 'latency', ms: 60_000 }, 'KMS_TIMEOUT'],
  ['HTTP 500', { kind: 'http', status: 500 }, 'KMS_UNAVAILABLE'],
  ['HTTP 503', { kind: 'http', status: 503 }, 'KMS_UNAVAILABLE'],
  ['an internal error', { kind: 'error', code: 'InternalError' }, 'KMS_UNAVAILABLE'],
  ['throttling', { kind: 'error', code: 'RequestLimitExceeded' }, 'KMS_THROTTLED'],
  ['a malformed body', { kind: 'malformed' }, 'KMS_RESPONSE_INVALID'],
  // The SDK does not notice that a body of known length ends early: the deadline does.
  ['a truncated body', { kind: 'truncated' }, 'KMS_TIMEOUT'],
  ['an empty object', { kind: 'empty', body: '{}' }, 'KMS_RESPONSE_INVALID'],
  ['an empty body', { kind: 'empty', body: '' }, 'KMS_RESPONSE_INVALID'],
  ['a reset before the headers', { kind: 'reset', when: 'before-headers' }, 'KMS_UNAVAILABLE'],
  // Nor does it notice a reset that comes before it reads the body.
  ['a reset in the body', { kind: 'reset', when: 'in-body' }, 'KMS_UNAVAILABLE', 'KMS_TIMEOUT'],
  ['a stall before the headers', { kind: 'stall', when: 'before-headers' }, 'KMS_TIMEOUT'],
  ['a stall in the body', { kind: 'stall', when: 'in-body' }, 'KMS_TIMEOUT'],
]

const { signal } = new AbortController()
setMaxListeners(0, signal)
const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
const open: (Kms | Encryption)[] = []
/** Both ends of a connection are in this process. */
const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
let before = 0
let emulator: TencentKmsEmulator
let symmetric = ''
let rsa = ''

beforeAll(async () => {
  process.on('unhandledRejection', note)
  before = sockets()
  emulator = await startTencentKmsEmulator({
    quotas: { '*': Infinity },
    keys: [{ alias: 'symmetric' }, { alias: 'rsa', usage: 'ASYMMETRIC_DECRYPT_RSA_2048' }],
  })
  ;[symmetric = '', rsa = ''] = emulator.keys().map(({ region, keyId }: EmulatorKey) => `${region}/${keyId}`)
})
beforeEach(() => {
  // The pauses between attempts are random: here the shortest.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(async () => {
  vi.restoreAllMocks()
  emulator.faults.clear()
  for (const each of open.splice(0)) await each.close?.()
  await vi.waitFor(() => {
    expect(sockets(), 'sockets that are left').toBe(before)
  })
  expect(unhandled).toEqual([])
})
afterAll(async () => {
  await emulator.close()
  await vi.waitFor(() => {
    expect(process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'))).toEqual([])
  })
  process.off('unhandledRejection', note)
})

function provider(): Kms {
  const kms = tencentKms({
    endpoint: emulator.url,
    credentials: EMULATOR_CREDENTIAL,
    requestTimeout: DEADLINE,
    cmks: { [rsa]: { type: 'rsa-2048' } },
  })
  open.push(kms)
  return kms
}

/** The code that `call` rejects with, and how long that took. */
async function outcome(call: Promise<unknown>): Promise<{ code: string; durationMs: number }> {
  const started = performance.now()
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const durationMs = performance.now() - started
  if (error === undefined) return { code: 'none', durationMs }
  if (!isEnvelopeError(error)) throw new Error('not an EnvelopeError', { cause: error })
  return { code: error.code, durationMs }
}

const dek = new Uint8Array(32).fill(7)

/** Each action of the service, and the call that makes it, with what it needs beforehand. */
const ACTIONS: Readonly<Record<string, (kms: Kms) => Promise<() => Promise<unknown>>>> = {
  GenerateDataKey: (kms) => Promise.resolve(() => kms.generateDek({ cmkId: symmetric, context: {}, signal })),
  Encrypt: (kms) => Promise.resolve(() => kms.wrapDek({ cmkId: symmetric, context: {}, signal, dek })),
  Decrypt: async (kms) => {
    const { ciphertextDek } = await kms.generateDek({ cmkId: symmetric, context: {}, signal })
    return () => kms.unwrapDek({ cmkId: symmetric, context: {}, signal, ciphertextDek })
  },
  GetPublicKey: (kms) => Promise.resolve(() => kms.generateDek({ cmkId: rsa, context: {}, signal })),
  AsymmetricRsaDecrypt: async (kms) => {
    const { ciphertextDek } = await kms.generateDek({ cmkId: rsa, context: {}, signal })
    return () => kms.unwrapDek({ cmkId: rsa, context: {}, signal, ciphertextDek })
  },
}

describe.each(FAULTS.map(([what, fault, ...codes]) => ({ what, fault, codes })))(
  '$what',
  ({ fault, codes }) => {
    const [first] = codes
    // All actions at the same time, each with its own client: most of the time here is spent waiting for the deadline.
    it(`a fault of the service is ${codes.join(' or ')} for any action, within the deadline of the call, and the next call succeeds`, async () => {
      const calls = await Promise.all(
        Object.entries(ACTIONS).map(async ([action, made]) => ({ action, call: await made(provider()) })),
      )
      emulator.forgetCalls()
      for (const { action } of calls) emulator.faults.inject({ ...fault, action })
      await Promise.all(
        calls.map(async ({ action, call }) => {
          const { code: found, durationMs } = await outcome(call())
          expect(codes, action).toContain(found)
          expect(durationMs, action).toBeLessThan(DEADLINE_MS + SLACK_MS)
        }),
      )
      expect(
        emulator
          .calls()
          .map(({ action }) => action)
          .sort(),
      ).toEqual(Object.keys(ACTIONS).sort())
      // No more than one connection of each client is left, to be used again: an end of it here and one at the emulator.
      await vi.waitFor(() => {
        expect(sockets()).toBeLessThanOrEqual(before + 2 * calls.length)
      })
      for (const { action, call } of calls) expect((await outcome(call())).code, action).toBe('none')
    })

    it('a fault of the service ends sealing and opening with its error within kmsTimeout, after the attempts that it allows', async () => {
      const attempts = first === 'none' ? 1 : ATTEMPTS
      const sealed = await sealRecords(await owner(), [{ topic: 'orders', value: 'v' }])
      const [sealing, opening] = [await owner(), await owner()]
      emulator.faults.inject({ ...fault, times: Infinity })

      emulator.forgetCalls()
      const started = performance.now()
      const [seal, [opened]] = await Promise.all([
        outcome(sealRecords(sealing, [{ topic: 'orders', value: 'v' }])),
        openRecords(opening, sealed),
      ])
      expect(performance.now() - started).toBeLessThan(KMS_TIMEOUT_MS + SLACK_MS)
      expect(codes).toContain(seal.code)
      expect(codes).toContain(opened?.error?.code ?? 'none')
      const made = (action: string): number =>
        emulator.calls().filter((each) => each.action === action).length
      expect([made('GenerateDataKey'), made('Decrypt'), emulator.calls().length]).toEqual([
        attempts,
        attempts,
        2 * attempts,
      ])

      emulator.faults.clear()
      expect((await outcome(sealRecords(sealing, [{ topic: 'orders', value: 'v' }]))).code).toBe('none')
      expect((await openRecords(opening, sealed))[0]?.error).toBeUndefined()
    })
  },
)

async function owner(): Promise<Encryption> {
  const encryption = await createEncryption({
    kms: {
      tencent: tencentKms({
        endpoint: emulator.url,
        credentials: EMULATOR_CREDENTIAL,
        requestTimeout: DEADLINE,
      }),
    },
    cmks: { orders: [{ kms: 'tencent', id: symmetric }] },
    topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
    kmsTimeout: KMS_TIMEOUT_MS,
  })
  open.push(encryption)
  return encryption
}
