import { setMaxListeners } from 'node:events'
import { expect } from 'vitest'
import { isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import type { EncryptionContext, Kms } from '../../src/kms/kms.js'
import { cmkOf } from '../support/cmks.js'
import { expectNoSecret, type KmsUnderTest } from './kms-contract.js'

type Law = (name: string, check: () => Promise<void>) => void

/** What the suite shares with the laws of re-encryption. */
export interface RewrapSuite {
  readonly all: Law
  /** For CMKs that have versions. */
  readonly ofVersions: Law
  readonly under: () => KmsUnderTest
  /** The code with which a promise rejects. */
  readonly codeOf: (promise: Promise<unknown>) => Promise<ErrorCode>
  readonly expectRefused: (
    ciphertextDek: Uint8Array,
    context?: EncryptionContext,
    cmkId?: string,
  ) => Promise<void>
}

const CONTEXT: EncryptionContext = { tenant: 'acme', purpose: 'orders/v1', '10': 'a', '1a': 'b' }
const { signal } = new AbortController()
setMaxListeners(0, signal)

/** The laws of re-encrypting ciphertext DEKs: by the service if it can, else through the process. */
export function rewrapLaws({ all, ofVersions, under, codeOf, expectRefused }: RewrapSuite): void {
  const kms = (): Kms => under().kms
  const call = (context: EncryptionContext = CONTEXT, cmkId: string = under().cmkId) => ({
    cmkId,
    context,
    signal,
  })
  const unwrap = (ciphertextDek: Uint8Array, context?: EncryptionContext, cmkId?: string) =>
    kms().unwrapDek({ ...call(context, cmkId), ciphertextDek })
  /** Re-encrypts as the library does: by the service if it can. */
  const rewrap = async (
    ciphertextDek: Uint8Array,
    {
      from = under().cmkId,
      to = from,
      context = CONTEXT,
      by = signal,
    }: { from?: string; to?: string; context?: EncryptionContext; by?: AbortSignal } = {},
  ): Promise<Buffer> => {
    const [one, other] = [await cmkOf('kms', kms(), from), await cmkOf('kms', kms(), to)]
    return one.rewrap(ciphertextDek, other, { context, signal: by })
  }
  /** The CMKs to re-encrypt to: the same one, and another. */
  const targets = (): readonly string[] => [under().cmkId, under().otherCmkId]

  all('the service re-encrypts between the CMKs that it says, and no others', async () => {
    const { rewrapsTo } = await kms().describe(under().cmkId, signal)
    const says = [...targets(), 'no id'].map((id) => rewrapsTo?.(id) ?? false)
    expect(says).toEqual([under().rewraps !== undefined, under().rewraps === 'to other CMKs', false])
    if (under().rewraps !== undefined) expect(kms().rewrapDek).toBeTypeOf('function')
    const { rewrapDek } = kms()
    if (rewrapDek === undefined) return
    const { ciphertextDek } = await kms().generateDek(call())
    for (const [i, toCmkId] of targets().entries())
      if (says[i] === false)
        expect(await codeOf(rewrapDek.call(kms(), { ...call(), ciphertextDek, toCmkId }))).toBe(
          'CMK_UNUSABLE',
        )
  })

  all(
    'a ciphertext DEK that is re-encrypted opens under its new CMK, to the same DEK in the same context',
    async () => {
      for (const to of targets())
        for (const context of [CONTEXT, {}]) {
          const { dek, ciphertextDek } = await kms().generateDek(call(context))
          const rewrapped = await rewrap(ciphertextDek, { to, context })
          expect(hex(await unwrap(rewrapped, context, to))).toBe(hex(dek))
          // The old one is as good as before.
          expect(hex(await unwrap(ciphertextDek, context))).toBe(hex(dek))
          if (to !== under().cmkId) await expectRefused(rewrapped, context)
          if (under().ignoresContext !== true) await expectRefused(rewrapped, { tenant: 'other' }, to)
        }
    },
  )

  all(
    'a ciphertext DEK is not re-encrypted in another context, under another CMK, or after a change',
    async () => {
      const { ciphertextDek } = await kms().generateDek(call())
      const damaged = [0, Math.floor(ciphertextDek.length / 2), ciphertextDek.length - 1].map((at) =>
        flipped(ciphertextDek, at, 1),
      )
      for (const to of targets()) {
        const attempts = [
          ...(under().ignoresContext === true
            ? []
            : [{}, { ...CONTEXT, tenant: 'other' }].map(
                (context) => () => rewrap(ciphertextDek, { to, context }),
              )),
          () => rewrap(ciphertextDek, { from: under().otherCmkId, to }),
          ...[...damaged, new Uint8Array(0), ciphertextDek.subarray(1), new Uint8Array(1025)].map(
            (bytes) => () => rewrap(bytes, { to }),
          ),
        ]
        for (const attempt of attempts)
          expect(['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH', 'CMK_NOT_FOUND']).toContain(
            await codeOf(attempt()),
          )
      }
    },
  )

  all('re-encrypting uses the bytes of a view, and does not change them', async () => {
    const { dek, ciphertextDek } = await kms().generateDek(call())
    const wide = Buffer.concat([Buffer.alloc(7), ciphertextDek, Buffer.alloc(7)])
    const view = wide.subarray(7, 7 + ciphertextDek.length)
    for (const to of targets())
      expect(hex(await unwrap(await rewrap(view, { to }), CONTEXT, to))).toBe(hex(dek))
    expect(Buffer.from(view)).toEqual(Buffer.from(ciphertextDek))
  })

  all('a DEK is re-encrypted neither from an unknown CMK nor to one', async () => {
    const { ciphertextDek } = await kms().generateDek(call())
    const from = rewrap(ciphertextDek, { from: under().unknownCmkId, to: under().cmkId })
    expect(['CMK_NOT_FOUND', 'CMK_MISMATCH']).toContain(await codeOf(from))
    expect(await codeOf(rewrap(ciphertextDek, { to: under().unknownCmkId }))).toBe('CMK_NOT_FOUND')
  })

  all('a DEK is re-encrypted neither from a disabled CMK nor to one', async () => {
    const { setEnabled, disabledAs = 'CMK_DISABLED' } = under()
    if (setEnabled === undefined) throw new Error('all laws need `setEnabled`')
    const { ciphertextDek } = await kms().generateDek(call())
    const other = await kms().generateDek(call(CONTEXT, under().otherCmkId))
    await setEnabled(false)
    try {
      for (const to of targets()) expect(await codeOf(rewrap(ciphertextDek, { to }))).toBe(disabledAs)
      const to = rewrap(other.ciphertextDek, { from: under().otherCmkId, to: under().cmkId })
      if (under().wrapsOffline === true) await to
      else expect(await codeOf(to)).toBe('CMK_DISABLED')
    } finally {
      await setEnabled(true)
    }
    for (const to of targets()) await rewrap(ciphertextDek, { to })
  })

  all(
    'a re-encryption that was cancelled before it starts is not made; one that is cancelled in flight ends',
    async () => {
      const { ciphertextDek } = await kms().generateDek(call())
      for (const to of targets()) {
        expect(await codeOf(rewrap(ciphertextDek, { to, by: AbortSignal.abort() }))).toBe('KMS_TIMEOUT')
        const controller = new AbortController()
        const rewrapping = rewrap(ciphertextDek, { to, by: controller.signal })
        await new Promise((resolve) => setImmediate(resolve))
        controller.abort()
        const ended = await rewrapping.then(
          () => 'fulfilled',
          (error: unknown) => (isEnvelopeError(error) ? error.code : error),
        )
        expect(['fulfilled', 'KMS_TIMEOUT']).toContain(ended)
      }
    },
  )

  ofVersions(
    'a DEK that is re-encrypted under its own CMK after a rotation has another ciphertext, which opens',
    async () => {
      const { rotate } = under()
      if (rotate === undefined) throw new Error('CMKs that rotate need `rotate`')
      const { dek, ciphertextDek } = await kms().generateDek(call())
      await rotate()
      const rewrapped = await rewrap(ciphertextDek)
      expect(hex(rewrapped)).not.toBe(hex(ciphertextDek))
      expect(hex(await unwrap(rewrapped))).toBe(hex(dek))
    },
  )

  all('no error of a re-encryption shows key bytes', async () => {
    const errors: unknown[] = []
    const { dek, ciphertextDek } = await kms().generateDek(call())
    for (const to of targets())
      await rewrap(flipped(ciphertextDek, 9, 1), { to }).catch((error: unknown) => errors.push(error))
    expect(errors).toHaveLength(2)
    const keys = [dek, ...((await under().secrets?.()) ?? [])]
    for (const error of errors) expectNoSecret(error, keys)
  })
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ mask : byte))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
