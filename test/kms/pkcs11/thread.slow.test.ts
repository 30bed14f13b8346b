import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Kms } from '../../../src/kms/kms.js'
import { pkcs11Kms, type Pkcs11KmsOptions } from '../../../src/kms/pkcs11/index.js'
import { makeSoftHsmHere, suiteOnSoftHsm, whyNoSoftHsm } from '../../support/softhsm/softhsm.js'

const call = () => ({
  cmkId: 'pkcs11:token=payments;object=orders',
  context: {},
  signal: new AbortController().signal,
})
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => (error as { code?: unknown }).code,
  )

let folder: string
let kms: Kms | undefined
const make = (options: Partial<Pkcs11KmsOptions> & { library: string }): Kms =>
  (kms = pkcs11Kms({
    token: 'payments',
    ...(options.pinFile === undefined ? { pin: '1234' } : {}),
    ...options,
  }))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pkcs11-'))
})
afterEach(async () => {
  await kms?.close?.()
  kms = undefined
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(whyNoSoftHsm !== undefined)(`the thread ${suiteOnSoftHsm}`, () => {
  it('a module that cannot be loaded is KMS_SDK_MISSING', async () => {
    expect(await codeOf(make({ library: join(folder, 'none.so') }).generateDek(call()))).toBe(
      'KMS_SDK_MISSING',
    )
  })

  it('a token on disk: PIN from a file, a wrong PIN, closing', async () => {
    const hsm = await makeSoftHsmHere()
    try {
      await hsm.change({ action: 'create', key: 'orders', set: { ID: '01' } })
      const { library } = hsm
      const pinFile = join(folder, 'pin')
      const wrong = make({ library, pin: 'wrong-pin' })
      const first = await wrong.generateDek(call()).catch((error: unknown) => error)
      expect(first).toMatchObject({ code: 'KMS_DENIED', kmsCode: 'CKR_PIN_INCORRECT' })
      expect(await wrong.generateDek(call()).catch((error: unknown) => error)).toMatchObject({
        code: 'KMS_DENIED',
        kmsCode: undefined,
      })
      await wrong.close?.()

      const right = make({ library, pinFile })
      expect(await codeOf(right.generateDek(call()))).toBe('KMS_CREDENTIALS_UNAVAILABLE')
      await writeFile(pinFile, `${hsm.pin}\n`)
      const { dek, ciphertextDek } = await right.generateDek(call())
      expect(await right.unwrapDek({ ...call(), ciphertextDek })).toEqual(dek)
      expect(ciphertextDek).toHaveLength(63)
      await right.verify({ ...call(), use: 'unwrap' })

      await hsm.change({ action: 'create', key: 'orders', set: { ID: '02', EXTRACTABLE: true } })
      expect(await codeOf(right.generateDek(call()))).toBe('CMK_UNUSABLE')

      const running = codeOf(right.unwrapDek({ ...call(), ciphertextDek }))
      await right.close?.()
      expect(await running).toBe('ENCRYPTION_CLOSED')
      expect(await codeOf(right.generateDek(call()))).toBe('ENCRYPTION_CLOSED')
    } finally {
      await hsm.close()
    }
  })
})
