import { setMaxListeners } from 'node:events'
import { expect } from 'vitest'
import { isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import type { EncryptionContext, Kms } from '../../src/kms/kms.js'
import { MAX_SECRET_BYTES, secretContext } from '../../src/kms/secret.js'
import { expectNoSecret, type KmsUnderTest } from './kms-contract.js'

type Law = (name: string, check: () => Promise<void>) => void

/** What the suite shares with the laws of secrets. */
export interface SecretSuite {
  readonly all: Law
  readonly under: () => KmsUnderTest
  /** The code with which a promise rejects. */
  readonly codeOf: (promise: Promise<unknown>) => Promise<ErrorCode>
  readonly ofPublicKey: boolean
}

const CONTEXT = secretContext({ tenant: 'acme', purpose: 'db' })
const { signal } = new AbortController()
setMaxListeners(0, signal)

/** The laws of `encryptSecret` and `decryptSecret`. */
export function secretLaws({ all, under, codeOf, ofPublicKey }: SecretSuite): void {
  const call = (context: EncryptionContext = CONTEXT, cmkId: string = under().cmkId) => ({
    cmkId,
    context,
    signal,
  })
  const kms = (): Required<Pick<Kms, 'encryptSecret' | 'decryptSecret'>> & Kms => {
    const { kms: own } = under()
    if (own.encryptSecret === undefined || own.decryptSecret === undefined)
      throw new Error('the provider encrypts no secrets')
    return own as Required<Pick<Kms, 'encryptSecret' | 'decryptSecret'>> & Kms
  }
  const encrypt = (secret: Uint8Array, context?: EncryptionContext) =>
    kms().encryptSecret({ ...call(context), secret })
  const decrypt = (ciphertext: Uint8Array, context?: EncryptionContext, cmkId?: string) =>
    kms().decryptSecret({ ...call(context, cmkId), ciphertext })
  const expectRefused = async (promise: Promise<unknown>) => {
    expect(['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH', 'CMK_NOT_FOUND', 'UNWRAP_FAILED']).toContain(
      await codeOf(promise),
    )
  }

  if (ofPublicKey) {
    all('a CMK whose public key wraps neither encrypts nor decrypts secrets', async () => {
      expect(await codeOf(encrypt(sampleSecret(5)))).toBe('CMK_UNUSABLE')
      expect(await codeOf(decrypt(new Uint8Array(256)))).toBe('CMK_UNUSABLE')
    })
    return
  }

  all('decrypting inverts encrypting a secret, up to exactly 4,096 bytes', async () => {
    for (const length of [1, 31, 32, 33, 1000, MAX_SECRET_BYTES]) {
      const secret = sampleSecret(length)
      const ciphertext = await encrypt(secret)
      expect(ciphertext.length).toBeLessThanOrEqual(8192)
      expect(Buffer.from(ciphertext).includes(Buffer.from(secret)) && length > 1).toBe(false)
      expect(hex(await decrypt(ciphertext))).toBe(hex(secret))
    }
  })

  all('a secret opens only in its context', async () => {
    const ciphertext = await encrypt(sampleSecret(32))
    const others: EncryptionContext[] = [
      {},
      secretContext({}),
      { tenant: 'acme', purpose: 'db' },
      { ...CONTEXT, tenant: 'other' },
      { ...CONTEXT, more: 'entries' },
    ]
    for (const context of others) await expectRefused(decrypt(ciphertext, context))
  })

  all(
    'a secret of 32 bytes never unwraps as a DEK, and a ciphertext DEK never decrypts as a secret',
    async () => {
      const contexts: EncryptionContext[] = [{}, { tenant: 'acme', purpose: 'db' }]
      for (const context of contexts) {
        const marked = secretContext(context)
        const ciphertext = await encrypt(sampleSecret(32), marked)
        await expectRefused(kms().unwrapDek({ ...call(context), ciphertextDek: ciphertext }))
        const { ciphertextDek } = await kms().generateDek(call(context))
        const wrapped = await kms().wrapDek({ ...call(context), dek: sampleSecret(32) })
        await expectRefused(decrypt(ciphertextDek, marked))
        await expectRefused(decrypt(wrapped, marked))
      }
    },
  )

  all('a secret opens only under its CMK', async () => {
    const ciphertext = await encrypt(sampleSecret(20))
    await expectRefused(decrypt(ciphertext, CONTEXT, under().otherCmkId))
  })

  all('a secret with any byte changed, cut short or extended never opens', async () => {
    const ciphertext = await encrypt(sampleSecret(24))
    const { length } = ciphertext
    const changed = Array.from(ciphertext.keys(), (at) =>
      ciphertext.map((byte, index) => (index === at ? byte ^ 0x80 : byte)),
    )
    const others = [0, 1, 16, 28, length - 16, length - 1].map((cut) => ciphertext.subarray(0, cut))
    const extended = [1, 16, 8192, 70_000].map((extra) => Buffer.concat([ciphertext, new Uint8Array(extra)]))
    const refused = [...changed, ...others, ...extended]
    for (let at = 0; at < refused.length; at += 16)
      await Promise.all(refused.slice(at, at + 16).map((bytes) => expectRefused(decrypt(bytes))))
  })

  all(
    'a secret that is passed in is neither changed nor kept, and a decrypted one has its own memory',
    async () => {
      const secret = sampleSecret(40)
      const wide = new Uint8Array(100)
      wide.set(secret, 30)
      const ciphertext = await encrypt(wide.subarray(30, 70))
      expect(hex(wide.subarray(30, 70))).toBe(hex(secret))
      wide.fill(0)
      const [first, second] = await Promise.all([decrypt(ciphertext), decrypt(ciphertext)])
      for (const each of [first, second]) expect(each.buffer.byteLength).toBe(40)
      first.fill(0)
      expect(hex(second)).toBe(hex(secret))
    },
  )

  all('a call for a secret that was cancelled before it starts is not made', async () => {
    const ciphertext = await encrypt(sampleSecret(8))
    const aborted = { ...call(), signal: AbortSignal.abort() }
    expect(await codeOf(kms().encryptSecret({ ...aborted, secret: sampleSecret(8) }))).toBe('KMS_TIMEOUT')
    expect(await codeOf(kms().decryptSecret({ ...aborted, ciphertext }))).toBe('KMS_TIMEOUT')
  })

  all('a call for a secret that is cancelled in flight ends, with a result or an error', async () => {
    const ciphertext = await encrypt(sampleSecret(8))
    const made = [
      (by: AbortSignal) => kms().encryptSecret({ ...call(), signal: by, secret: sampleSecret(8) }),
      (by: AbortSignal) => kms().decryptSecret({ ...call(), signal: by, ciphertext }),
    ]
    for (const make of made) {
      const controller = new AbortController()
      const calling = make(controller.signal)
      controller.abort()
      const ended = await calling.then(
        () => 'fulfilled',
        (error: unknown) => (isEnvelopeError(error) ? error.code : error),
      )
      expect(['fulfilled', 'KMS_TIMEOUT']).toContain(ended)
    }
  })

  all('no error of a call for a secret shows the secret', async () => {
    const secret = sampleSecret(40)
    const ciphertext = await encrypt(secret)
    const damaged = ciphertext.map((byte, at) => (at === ciphertext.length - 1 ? byte ^ 1 : byte))
    const unknown = call(CONTEXT, under().unknownCmkId)
    const secrets = [secret, ...((await under().secrets?.()) ?? [])]
    const results = await Promise.allSettled([
      kms().encryptSecret({ ...unknown, secret }),
      kms().encryptSecret({ ...call(), signal: AbortSignal.abort(), secret }),
      kms().decryptSecret({ ...unknown, ciphertext }),
      decrypt(damaged),
      decrypt(ciphertext, secretContext({})),
      decrypt(ciphertext, CONTEXT, under().otherCmkId),
      // The service itself would open it, and return something other than a DEK.
      kms().unwrapDek({ ...call(), ciphertextDek: ciphertext }),
    ])
    for (const result of results) {
      if (result.status === 'fulfilled') throw new Error('was fulfilled')
      expectNoSecret(result.reason, secrets)
    }
  })

  all(
    'a disabled CMK neither encrypts nor decrypts secrets, and an unknown one is CMK_NOT_FOUND',
    async () => {
      const { setEnabled, unknownCmkId } = under()
      const ciphertext = await encrypt(sampleSecret(8))
      await setEnabled?.(false)
      try {
        expect(await codeOf(encrypt(sampleSecret(8)))).toBe('CMK_DISABLED')
        expect(await codeOf(decrypt(ciphertext))).toBe('CMK_DISABLED')
      } finally {
        await setEnabled?.(true)
      }
      const unknown = call(CONTEXT, unknownCmkId)
      expect(await codeOf(kms().encryptSecret({ ...unknown, secret: sampleSecret(8) }))).toBe('CMK_NOT_FOUND')
      expect(['CMK_NOT_FOUND', 'CMK_MISMATCH']).toContain(
        await codeOf(kms().decryptSecret({ ...unknown, ciphertext })),
      )
    },
  )
}

function sampleSecret(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 89 + 23) & 0xff)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
