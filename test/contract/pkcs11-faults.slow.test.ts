import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createEncryption, type Duration, type Encryption } from '../../src/index.js'
import type { Kms } from '../../src/kms/kms.js'
import { failureOf, KNOWN_CODES } from '../../src/kms/pkcs11/failures.js'
import { pkcs11Kms } from '../../src/kms/pkcs11/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'
import {
  makeFaultySoftHsm,
  suiteOnFaultyModule,
  whyNoFaultyModule,
  type FaultySoftHsm,
  type ModuleFault,
} from '../support/softhsm/faulty-module.js'

const { signal } = new AbortController()
const cmkId = 'pkcs11:token=payments;object=orders'
const call = { cmkId, context: { tenant: 'acme' }, signal }
const REQUEST_TIMEOUT = '500ms'
/** A time-out, and the time that a busy machine may add. */
const IN_TIME_MS = 3500
const KMS_TIMEOUT_MS = 8000
const DEVICE_REMOVED = 0x32

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error as { code?: unknown }).code,
  )

// No HTTP proxy fits before a module, so the faults are of its own kind.
describe.skipIf(whyNoFaultyModule !== undefined)(suiteOnFaultyModule, { timeout: 60_000 }, () => {
  let hsm: FaultySoftHsm
  const open: (Kms | Encryption)[] = []

  beforeAll(async () => {
    hsm = await makeFaultySoftHsm()
    await hsm.change({ action: 'create', key: 'orders', set: { ID: '01' } })
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    hsm.heal()
    for (const each of open.splice(0)) await each.close?.()
  })
  afterAll(() => hsm.close())

  const provider = (requestTimeout: Duration = REQUEST_TIMEOUT, pin = hsm.pin): Kms => {
    const { library, token } = hsm
    const kms = pkcs11Kms({ library, token, pin, requestTimeout })
    open.push(kms)
    return kms
  }
  /** One whose thread has a session. A busy machine may need longer than the time-out to start it. */
  const warmProvider = async (): Promise<Kms> => {
    const kms = provider()
    await vi.waitFor(() => kms.generateDek(call), { timeout: 10_000 })
    return kms
  }

  it.each<[string, ModuleFault, string, string?]>([
    ['late answers, but in time', { at: 'C_EncryptInit', kind: 'late', number: 50 }, 'none', 'none'],
    ['late answers that exceed the time-out', { at: '*', kind: 'late', number: 700 }, 'KMS_TIMEOUT'],
    ['a module that hangs', { at: '*', kind: 'hangs' }, 'KMS_TIMEOUT'],
    ['an HSM that was unplugged', { at: '*', kind: 'fails', number: DEVICE_REMOVED }, 'KMS_UNAVAILABLE'],
    ['a token without sessions', { at: '*', kind: 'fails', number: 0xb1 }, 'KMS_THROTTLED'],
    ['a lost session', { at: 'C_FindObjectsInit', kind: 'loses' }, 'none'],
    ['a session lost before the cipher', { at: 'C_DecryptInit', kind: 'loses' }, 'none'],
    ['a login that other code ended', { at: 'C_FindObjectsInit', kind: 'leaves' }, 'none'],
    ['a module that other code finalized', { at: 'C_FindObjectsInit', kind: 'ends' }, 'none'],
    ['a ciphertext of no bytes', { at: 'C_Encrypt', kind: 'length' }, 'KMS_RESPONSE_INVALID', 'none'],
    [
      'a ciphertext that is too short',
      { at: 'C_Encrypt', kind: 'length', number: 47 },
      'KMS_RESPONSE_INVALID',
      'none',
    ],
    [
      'a ciphertext longer than its buffer',
      { at: 'C_Encrypt', kind: 'length', number: 100_000 },
      'KMS_RESPONSE_INVALID',
      'none',
    ],
    ['a DEK of no bytes', { at: 'C_Decrypt', kind: 'length' }, 'KMS_RESPONSE_INVALID'],
    ['a DEK that is too short', { at: 'C_Decrypt', kind: 'length', number: 31 }, 'KMS_RESPONSE_INVALID'],
    ['a DEK that is too long', { at: 'C_Decrypt', kind: 'length', number: 33 }, 'KMS_RESPONSE_INVALID'],
    [
      'a DEK longer than its buffer',
      { at: 'C_Decrypt', kind: 'length', number: 100_000 },
      'KMS_RESPONSE_INVALID',
    ],
  ])(
    '%s: every call ends with the right code in time, and the next one succeeds',
    async (_, fault, wraps, unwraps = wraps) => {
      const kms = await warmProvider()
      const { dek, ciphertextDek } = await kms.generateDek(call)
      for (const [run, code] of [
        [() => kms.generateDek(call), wraps],
        [() => kms.wrapDek({ ...call, dek }), wraps],
        [() => kms.unwrapDek({ ...call, ciphertextDek }), unwraps],
      ] as const) {
        hsm.inject(fault)
        const started = performance.now()
        expect(await codeOf(run())).toBe(code)
        expect(performance.now() - started).toBeLessThan(IN_TIME_MS)
        hsm.heal()
        await vi.waitFor(
          async () => {
            expect(await kms.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
          },
          {
            timeout: 10_000,
          },
        )
      }
    },
  )

  it.each(KNOWN_CODES.filter((name) => name.startsWith('CKR_')))(
    'the code %s comes through the real pkcs11js as its row of the table says',
    async (name) => {
      const numbers = createRequire(import.meta.url)('../support/softhsm/node_modules/pkcs11js') as Partial<
        Record<string, number>
      >
      // The package does not know the codes of PKCS#11 3.0.
      const number = numbers[name] ?? (name === 'CKR_AEAD_DECRYPT_FAILED' ? 0x42 : 0)
      expect(number).toBeGreaterThan(0)
      const kms = provider('10s')
      const at = /_(PIN|USER)_/.test(name) ? 'C_Login' : 'C_FindObjectsInit'
      hsm.inject({ at, kind: 'fails', number })
      expect(await kms.generateDek(call).catch((error: unknown) => error)).toMatchObject({
        code: failureOf({ code: name, during: at }, { action: 'wrap', cmkId }).code,
        kmsCode: name,
      })
    },
  )

  it.each([0x40, 0x42])(
    'a token that answers %i even to what it has just wrapped is to blame, not the ciphertext',
    async (number) => {
      const kms = await warmProvider()
      const { ciphertextDek } = await kms.generateDek(call)
      hsm.inject({ at: 'C_Decrypt', kind: 'fails', number })
      expect(await codeOf(kms.generateDek(call))).toBe('KMS_RESPONSE_INVALID')
      expect(await codeOf(kms.unwrapDek({ ...call, ciphertextDek }))).toBe('KMS_RESPONSE_INVALID')
    },
  )

  it('a code that only the vendor knows is transient, and named by its number', async () => {
    const kms = await warmProvider()
    hsm.inject({ at: 'C_EncryptInit', kind: 'fails', number: 0x8000_0004 })
    expect(await kms.generateDek(call).catch((error: unknown) => error)).toMatchObject({
      code: 'KMS_UNAVAILABLE',
      kmsCode: 'CKR_0x80000004',
    })
  })

  it('calls that hang end in time, in few threads; then no more are made until one returns', async () => {
    const kms = await warmProvider()
    hsm.inject({ at: '*', kind: 'hangs' })
    const cancel = new AbortController()
    const cancelled = codeOf(kms.generateDek({ ...call, signal: cancel.signal }))
    const queued = codeOf(kms.generateDek(call))
    cancel.abort()
    expect([await cancelled, await queued]).toEqual(['KMS_TIMEOUT', 'KMS_TIMEOUT'])
    await expect.poll(() => codeOf(kms.generateDek(call)), { timeout: 10_000 }).toBe('KMS_UNAVAILABLE')
    expect(await kms.generateDek(call).catch((error: unknown) => String(error))).toContain(
      'have not returned',
    )
    hsm.heal()
    await vi.waitFor(() => kms.generateDek(call), { timeout: 10_000 })
  })

  it('no thread tries the PIN while another one may be trying it, and a refusal counts even if it comes late', async () => {
    let threads = 0
    const count = (): void => {
      threads++
    }
    process.on('worker', count)
    const kms = provider('3s', 'wrong-4711')
    const failure = () => kms.generateDek(call).catch((error: unknown) => error)
    hsm.inject({ at: 'C_Login', kind: 'hangs' })
    expect(await failure()).toMatchObject({ code: 'KMS_TIMEOUT' })
    const second = await failure()
    expect(second).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(String(second)).toContain('PIN was not tried')
    hsm.heal()
    // Only the one try can have been refused: this client made no other.
    await expect.poll(failure, { timeout: 10_000 }).toMatchObject({ code: 'KMS_DENIED', kmsCode: undefined })
    expect(threads).toBe(1)
    process.off('worker', count)
  })

  it('clients that start at once initialize the module one after the other', async () => {
    hsm.inject({ at: 'C_Initialize', kind: 'late', number: 300 })
    const [first, second] = [provider('10s'), provider('10s')]
    expect(await Promise.all([first, second].map((kms) => codeOf(kms.generateDek(call))))).toEqual([
      'none',
      'none',
    ])
  })

  it('after a thread died, its call is KMS_UNAVAILABLE and the next one has a thread of its own', async () => {
    const kms = await warmProvider()
    const post = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker) {
      void this.terminate()
    })
    expect(await codeOf(kms.generateDek(call))).toBe('KMS_UNAVAILABLE')
    post.mockRestore()
    await vi.waitFor(() => kms.generateDek(call), { timeout: 10_000 })
  })

  it('closing ends a call that hangs, its thread ends when the module returns, and the module stays loaded', async () => {
    const threads: Worker[] = []
    let ended = 0
    const started = (thread: Worker): void => {
      threads.push(thread)
      thread.once('exit', () => ended++)
    }
    process.on('worker', started)
    const kms = await warmProvider()
    hsm.inject({ at: '*', kind: 'hangs' })
    const hanging = codeOf(kms.generateDek(call))
    const queued = codeOf(kms.generateDek(call))
    // By then the first one is in the thread.
    await new Promise(setImmediate)
    await kms.close?.()
    expect([await hanging, await queued]).toEqual(['ENCRYPTION_CLOSED', 'ENCRYPTION_CLOSED'])
    expect(await codeOf(kms.generateDek(call))).toBe('ENCRYPTION_CLOSED')
    expect(ended).toBe(threads.length - 1)
    hsm.heal()
    await expect.poll(() => ended, { timeout: 10_000 }).toBe(threads.length)
    process.off('worker', started)
    // It is still initialized, and may run threads of its own.
    const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] }
    expect(sharedObjects).toContain(hsm.library)
  })

  it('two clients share the module of a process: closing one takes neither session nor login from the other', async () => {
    const [first, second] = [await warmProvider(), await warmProvider()]
    const { dek, ciphertextDek } = await first.generateDek(call)
    await first.close?.()
    expect(await second.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
    const third = await warmProvider()
    await Promise.all([second, third].map((each) => each.generateDek(call)))
    await second.close?.()
    expect(await third.unwrapDek({ ...call, ciphertextDek })).toEqual(dek)
  })

  it('faults that pass are not noticed, and those that last end sealing and opening within kmsTimeout', async () => {
    // The pauses between attempts are random: here the shortest.
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const owner = async (): Promise<Encryption> => {
      const encryption = await createEncryption({
        kms: { hsm: await warmProvider() },
        cmks: { orders: [{ kms: 'hsm', id: cmkId }] },
        topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
        kmsTimeout: KMS_TIMEOUT_MS,
      })
      open.push(encryption)
      return encryption
    }
    const seal = (by: Encryption) => sealRecords(by, [{ topic: 'orders', value: 'v' }])
    const sealed = await seal(await owner())
    const [sealing, opening] = [await owner(), await owner()]
    hsm.inject({ at: 'C_EncryptInit', kind: 'loses' })
    await seal(sealing)
    hsm.inject({ at: 'C_DecryptInit', kind: 'ends' })
    expect((await openRecords(opening, sealed))[0]?.error).toBeUndefined()

    const [sealingLater, openingLater] = [await owner(), await owner()]
    hsm.inject({ at: '*', kind: 'fails', number: DEVICE_REMOVED })
    const started = performance.now()
    const [code, [opened]] = await Promise.all([
      codeOf(seal(sealingLater)),
      openRecords(openingLater, sealed),
    ])
    expect(performance.now() - started).toBeLessThan(KMS_TIMEOUT_MS + IN_TIME_MS)
    expect([code, opened?.error?.code]).toEqual(['KMS_UNAVAILABLE', 'KMS_UNAVAILABLE'])
    hsm.heal()
    await seal(sealingLater)
    expect((await openRecords(openingLater, sealed))[0]?.error).toBeUndefined()
  })
})
