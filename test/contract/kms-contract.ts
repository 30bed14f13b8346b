import { setMaxListeners } from 'node:events'
import { inspect } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { isEnvelopeError, type ErrorCode } from '../../src/errors.js'
import type { CmkDescription, EncryptionContext, Kms } from '../../src/kms/kms.js'
import { rewrapLaws } from './rewrap-laws.js'
import { secretLaws } from './secret-laws.js'

/** A provider with what the suite needs around it. All CMKs exist, are enabled, and are of one kind. */
export interface KmsUnderTest {
  readonly kms: Kms
  readonly cmkId: string
  /** Another CMK of the same kind. */
  readonly otherCmkId: string
  /** An id of the right form that the KMS does not have. */
  readonly unknownCmkId: string
  /** Without its functions. */
  readonly description: CmkDescription
  /** What the service itself re-encrypts. Default nothing. */
  readonly rewraps?: 'to other CMKs' | 'to new versions'
  /** The algorithm cannot authenticate a context, as with RSA. */
  readonly ignoresContext?: boolean
  /** The provider's configuration describes the CMKs: `describe` makes no call, and does not detect a missing CMK. */
  readonly describesFromConfiguration?: boolean
  /** Wrapping uses a public key that the provider has, so it need not notice that the CMK has changed. */
  readonly wrapsOffline?: boolean
  /**
   * The code of unwrapping under a CMK that is disabled or scheduled for deletion: CMK_DISABLED, unless the KMS does
   * not report the state.
   */
  readonly disabledAs?: ErrorCode
  /** Disables or enables `cmkId` at the KMS. Needed for all laws. */
  readonly setEnabled?: (enabled: boolean) => Promise<void>
  /** Gives `cmkId` a new version at the KMS. Needed if CMKs rotate. */
  readonly rotate?: () => Promise<void>
  /** Deletes `otherCmkId` at the KMS, or schedules that; the last thing that happens to it. Needed for all laws. */
  readonly removeOther?: () => Promise<void>
  /** Key bytes other than DEKs that no error may show: CMKs, credentials. */
  readonly secrets?: () => Promise<readonly Uint8Array[]>
  readonly teardown?: () => Promise<void>
}

/** How much of the contract is checked. */
export interface ContractExtent {
  /** `few` and `round trip`: what some calls can show, for a service that costs money. Default `all`. */
  readonly laws?: 'all' | 'few' | 'round trip'
  /** Whether CMKs of this kind have versions. Default true. */
  readonly rotates?: boolean
  /** Whether they have a public key, and so encrypt no secrets. Default false. */
  readonly ofPublicKey?: boolean
}

type Law = (name: string, check: () => Promise<void>) => void

const CONTEXT: EncryptionContext = { tenant: 'acme', purpose: 'orders/v1', '10': 'a', '1a': 'b' }
const TIMEOUT_MS = 60_000

/** The contract in the doc of `Kms`, as a suite that every provider passes. */
export function describeKmsContract(
  name: string,
  setup: () => Promise<KmsUnderTest>,
  { laws = 'all', rotates = true, ofPublicKey = false }: ContractExtent = {},
): void {
  const left: Law = () => undefined
  const always: Law = it
  const few: Law = laws === 'round trip' ? left : it
  const all: Law = laws === 'all' ? it : left
  const ofVersions: Law = rotates ? all : left

  describe(`${name} keeps the contract of a KMS`, { timeout: TIMEOUT_MS }, () => {
    let under: KmsUnderTest
    let kms: Kms
    let errors: unknown[] = []
    const { signal } = new AbortController()
    setMaxListeners(0, signal)

    beforeAll(async () => {
      under = await setup()
      kms = under.kms
    }, TIMEOUT_MS)
    afterAll(async () => {
      await under.kms.close?.()
      await under.teardown?.()
    })

    const call = (context: EncryptionContext = CONTEXT, cmkId: string = under.cmkId) => ({
      cmkId,
      context,
      signal,
    })
    const unwrap = (ciphertextDek: Uint8Array, context?: EncryptionContext, cmkId?: string) =>
      kms.unwrapDek({ ...call(context, cmkId), ciphertextDek })

    /** The code with which `promise` rejects. */
    const codeOf = async (promise: Promise<unknown>): Promise<ErrorCode> => {
      const error: unknown = await promise.then(
        () => new Error('was fulfilled'),
        (reason: unknown) => reason,
      )
      errors.push(error)
      if (!isEnvelopeError(error)) throw new Error('not an EnvelopeError', { cause: error })
      return error.code
    }
    const expectRefused = async (ciphertextDek: Uint8Array, context?: EncryptionContext, cmkId?: string) => {
      // Bytes may also name a version of the CMK that this process does not have.
      expect(['CIPHERTEXT_DEK_INVALID', 'CMK_MISMATCH', 'CMK_NOT_FOUND']).toContain(
        await codeOf(unwrap(ciphertextDek, context, cmkId)),
      )
    }

    always('describe() gives the name of the provider on the wire', async () => {
      const { unwrapsFor: _, rewrapsTo: __, ...description } = await kms.describe(under.cmkId, signal)
      expect(description).toEqual(under.description)
      expect(description.provider).toMatch(/^[a-z0-9/-]{1,64}$/)
    })

    for (const [kind, context] of [
      ['a context', CONTEXT],
      ['an empty context', {}],
    ] as const) {
      const roundTrip = context === CONTEXT ? always : few
      roundTrip(`unwrapping inverts generating, with ${kind}`, async () => {
        const { dek, ciphertextDek } = await kms.generateDek(call(context))
        expect(dek).toHaveLength(32)
        expect(hex(await unwrap(ciphertextDek, context))).toBe(hex(dek))
      })

      all(`unwrapping inverts wrapping, with ${kind}`, async () => {
        const dek = sampleDek()
        const ciphertextDek = await kms.wrapDek({ ...call(context), dek })
        expect(hex(await unwrap(ciphertextDek, context))).toBe(hex(dek))
      })
    }

    all('the order in which a context was written does not matter', async () => {
      const { dek, ciphertextDek } = await kms.generateDek(call())
      const reversed = Object.fromEntries(Object.entries(CONTEXT).reverse())
      expect(hex(await unwrap(ciphertextDek, reversed))).toBe(hex(dek))
    })

    all('a ciphertext DEK has 1 to 1,024 bytes and does not contain the DEK', async () => {
      const dek = sampleDek()
      const generated = await kms.generateDek(call())
      const wrapped = await kms.wrapDek({ ...call(), dek })
      for (const [plain, sealed] of [
        [dek, wrapped],
        [generated.dek, generated.ciphertextDek],
      ] as const) {
        expect(sealed.length).toBeGreaterThanOrEqual(1)
        expect(sealed.length).toBeLessThanOrEqual(1024)
        expect(Buffer.from(sealed).includes(Buffer.from(plain))).toBe(false)
      }
    })

    all('the KMS never makes a DEK or a ciphertext DEK twice', async () => {
      const made = await Promise.all(Array.from({ length: 20 }, () => kms.generateDek(call())))
      expect(new Set(made.map(({ dek }) => hex(dek))).size).toBe(20)
      const dek = sampleDek()
      const wrapped = await Promise.all(made.map(() => kms.wrapDek({ ...call(), dek })))
      expect(new Set(wrapped.map(hex)).size).toBe(20)
    })

    all('a ciphertext DEK opens only in its context', async () => {
      const { dek, ciphertextDek } = await kms.generateDek(call())
      const others: EncryptionContext[] = [
        {},
        { ...CONTEXT, tenant: 'other' },
        { ...CONTEXT, more: 'entries' },
        { tenant: 'acme' },
      ]
      for (const context of others) {
        if (under.ignoresContext === true) expect(hex(await unwrap(ciphertextDek, context))).toBe(hex(dek))
        else await expectRefused(ciphertextDek, context)
      }
      const { ciphertextDek: bare } = await kms.generateDek(call({}))
      if (under.ignoresContext !== true) await expectRefused(bare, CONTEXT)
    })

    all('a ciphertext DEK opens only under its CMK', async () => {
      const { ciphertextDek } = await kms.generateDek(call())
      await expectRefused(ciphertextDek, CONTEXT, under.otherCmkId)
    })

    all('a ciphertext DEK with any byte changed never opens', async () => {
      const { ciphertextDek } = await kms.generateDek(call())
      const changed = Array.from(ciphertextDek.keys()).flatMap((at) =>
        [0x01, 0x80, 0xff].map((mask) => flipped(ciphertextDek, at, mask)),
      )
      for (let at = 0; at < changed.length; at += 16) {
        await Promise.all(changed.slice(at, at + 16).map((bytes) => expectRefused(bytes)))
      }
    })

    all('a ciphertext DEK cut short or extended never opens', async () => {
      const { ciphertextDek } = await kms.generateDek(call())
      const { length } = ciphertextDek
      for (const cut of [0, 1, 3, 4, 16, Math.floor(length / 2), length - 16, length - 1]) {
        await expectRefused(ciphertextDek.subarray(0, cut))
        await expectRefused(ciphertextDek.subarray(length - cut))
      }
      for (const extra of [1, 16, length, 1024 - length, 1025 - length, 70_000]) {
        await expectRefused(Buffer.concat([ciphertextDek, new Uint8Array(extra)]))
        await expectRefused(Buffer.concat([new Uint8Array(extra), ciphertextDek]))
      }
    })

    all('bytes that no KMS made never open', async () => {
      for (const length of [1, 32, 64, 128, 256, 384, 1024]) {
        await expectRefused(new Uint8Array(length))
        await expectRefused(new Uint8Array(length).fill(0xff))
        await expectRefused(Uint8Array.from({ length }, (_, at) => (at * 151 + 7) & 0xff))
      }
    })

    all('a returned DEK has its own memory, and wiping it changes nothing else', async () => {
      const { dek, ciphertextDek } = await kms.generateDek(call())
      const [first, second] = await Promise.all([unwrap(ciphertextDek), unwrap(ciphertextDek)])
      for (const returned of [dek, first, second]) {
        expect(returned.byteLength).toBe(32)
        expect(returned.buffer.byteLength).toBe(32)
      }
      expect(new Set([dek.buffer, first.buffer, second.buffer]).size).toBe(3)
      const before = hex(dek)
      dek.fill(0)
      first.fill(0)
      expect(hex(second)).toBe(before)
      expect(hex(await unwrap(ciphertextDek))).toBe(before)
    })

    all('a DEK that is passed in to be wrapped is neither changed nor kept', async () => {
      const dek = sampleDek()
      const ciphertextDek = await kms.wrapDek({ ...call(), dek })
      expect(dek).toEqual(sampleDek())
      dek.fill(0)
      expect(hex(await unwrap(ciphertextDek))).toBe(hex(sampleDek()))
    })

    all('wrapping uses the bytes of a view, not those of its whole buffer', async () => {
      const wide = new Uint8Array(96)
      wide.set(sampleDek(), 32)
      const ciphertextDek = await kms.wrapDek({ ...call(), dek: wide.subarray(32, 64) })
      const behind = Buffer.concat([Buffer.alloc(7), ciphertextDek, Buffer.alloc(7)])
      const view = behind.subarray(7, 7 + ciphertextDek.length)
      expect(hex(await unwrap(view))).toBe(hex(sampleDek()))
      expect(Buffer.from(view)).toEqual(Buffer.from(ciphertextDek))
    })

    all('wrapping bytes that are not a DEK is refused, and not as a transient failure', async () => {
      for (const length of [0, 16, 31, 33, 64]) {
        const error: unknown = await kms
          .wrapDek({ ...call(), dek: new Uint8Array(length) })
          .catch((reason: unknown) => reason)
        expect(isEnvelopeError(error) && !error.retriable, String(length)).toBe(true)
      }
    })

    all('calls at the same time do not disturb each other', async () => {
      await Promise.all(
        Array.from({ length: 30 }, async (_, at) => {
          const context = { call: String(at) }
          const { dek, ciphertextDek } = await kms.generateDek(call(context))
          expect(hex(await unwrap(ciphertextDek, context))).toBe(hex(dek))
        }),
      )
    })

    all('a call that was cancelled before it starts is not made', async () => {
      const { ciphertextDek } = await kms.generateDek(call())
      const aborted = { ...call(), signal: AbortSignal.abort() }
      const calls = [
        () => kms.describe(under.cmkId, aborted.signal),
        () => kms.generateDek(aborted),
        () => kms.wrapDek({ ...aborted, dek: sampleDek() }),
        () => kms.unwrapDek({ ...aborted, ciphertextDek }),
        () => kms.verify({ ...aborted, use: 'generate' }),
        () => kms.verify({ ...aborted, use: 'wrap' }),
        () => kms.verify({ ...aborted, use: 'unwrap' }),
      ]
      for (const make of calls) expect(await codeOf(make())).toBe('KMS_TIMEOUT')
    })

    all('a call that is cancelled in flight ends, with a result or an error', async () => {
      const controller = new AbortController()
      const made = kms.generateDek({ ...call(), signal: controller.signal })
      controller.abort()
      const ended = await made.then(
        () => 'fulfilled',
        (error: unknown) => (isEnvelopeError(error) ? error.code : error),
      )
      expect(['fulfilled', 'KMS_TIMEOUT']).toContain(ended)
    })

    all('verifying succeeds if making, wrapping and unwrapping DEKs would', async () => {
      await expect(kms.verify({ ...call(), use: 'generate' })).resolves.toBeUndefined()
      await expect(kms.verify({ ...call(), use: 'wrap' })).resolves.toBeUndefined()
      await expect(kms.verify({ ...call(), use: 'unwrap' })).resolves.toBeUndefined()
      await expect(kms.verify({ ...call({}), use: 'unwrap' })).resolves.toBeUndefined()
    })

    all('an unknown CMK is CMK_NOT_FOUND in every call', async () => {
      const { ciphertextDek } = await kms.generateDek(call())
      const unknown = call(CONTEXT, under.unknownCmkId)
      if (under.describesFromConfiguration !== true)
        expect(await codeOf(kms.describe(under.unknownCmkId, signal))).toBe('CMK_NOT_FOUND')
      expect(await codeOf(kms.generateDek(unknown))).toBe('CMK_NOT_FOUND')
      expect(await codeOf(kms.wrapDek({ ...unknown, dek: sampleDek() }))).toBe('CMK_NOT_FOUND')
      // A ciphertext DEK may name its CMK itself, which is not this one.
      expect(['CMK_NOT_FOUND', 'CMK_MISMATCH']).toContain(
        await codeOf(kms.unwrapDek({ ...unknown, ciphertextDek })),
      )
      expect(await codeOf(kms.verify({ ...unknown, use: 'generate' }))).toBe('CMK_NOT_FOUND')
      expect(await codeOf(kms.verify({ ...unknown, use: 'wrap' }))).toBe('CMK_NOT_FOUND')
      expect(await codeOf(kms.verify({ ...unknown, use: 'unwrap' }))).toBe('CMK_NOT_FOUND')
    })

    all('disabling a CMK takes effect in the next call, and so does enabling it again', async () => {
      const { setEnabled, disabledAs = 'CMK_DISABLED' } = under
      if (setEnabled === undefined) throw new Error('all laws need `setEnabled`')
      const { dek, ciphertextDek } = await kms.generateDek(call())
      await setEnabled(false)
      try {
        if (under.wrapsOffline !== true) {
          expect(await codeOf(kms.generateDek(call()))).toBe('CMK_DISABLED')
          expect(await codeOf(kms.wrapDek({ ...call(), dek: sampleDek() }))).toBe('CMK_DISABLED')
          expect(await codeOf(kms.verify({ ...call(), use: 'generate' }))).toBe('CMK_DISABLED')
          expect(await codeOf(kms.verify({ ...call(), use: 'wrap' }))).toBe('CMK_DISABLED')
        }
        expect(await codeOf(unwrap(ciphertextDek))).toBe(disabledAs)
        expect(await codeOf(kms.verify({ ...call(), use: 'unwrap' }))).toBe(disabledAs)
      } finally {
        await setEnabled(true)
      }
      expect(hex(await unwrap(ciphertextDek))).toBe(hex(dek))
    })

    ofVersions('a DEK that was wrapped before a rotation opens after it, and so do new DEKs', async () => {
      const { rotate } = under
      if (rotate === undefined) throw new Error('CMKs that rotate need `rotate`')
      const before = await kms.generateDek(call())
      await rotate()
      const after = await kms.generateDek(call())
      expect(hex(await unwrap(before.ciphertextDek))).toBe(hex(before.dek))
      expect(hex(await unwrap(after.ciphertextDek))).toBe(hex(after.dek))
    })

    secretLaws({ all, under: () => under, codeOf, ofPublicKey })
    rewrapLaws({ all, ofVersions, under: () => under, codeOf, expectRefused })

    all('no error shows key bytes', async () => {
      errors = []
      const { dek, ciphertextDek } = await kms.generateDek(call())
      await expectRefused(flipped(ciphertextDek, ciphertextDek.length - 1, 1))
      await expectRefused(ciphertextDek.subarray(1))
      await expectRefused(ciphertextDek, CONTEXT, under.otherCmkId)
      await codeOf(kms.wrapDek({ ...call(CONTEXT, under.unknownCmkId), dek }))
      await codeOf(kms.wrapDek({ ...call(), dek: dek.subarray(1) }))
      await codeOf(kms.wrapDek({ ...call(), dek: Buffer.concat([dek, dek]) }))
      await codeOf(kms.wrapDek({ ...call(), signal: AbortSignal.abort(), dek }))
      expect(errors).toHaveLength(7)
      const secrets = [dek, ...((await under.secrets?.()) ?? [])]
      for (const error of errors) expectNoSecret(error, secrets)
    })

    all('a CMK that is deleted, or scheduled for deletion, opens nothing more', async () => {
      const { removeOther, otherCmkId, disabledAs = 'CMK_DISABLED' } = under
      if (removeOther === undefined) throw new Error('all laws need `removeOther`')
      const { ciphertextDek } = await kms.generateDek(call(CONTEXT, otherCmkId))
      await removeOther()
      expect(['CMK_NOT_FOUND', disabledAs]).toContain(
        await codeOf(unwrap(ciphertextDek, CONTEXT, otherCmkId)),
      )
      expect(['CMK_NOT_FOUND', disabledAs]).toContain(
        await codeOf(kms.verify({ ...call(CONTEXT, otherCmkId), use: 'unwrap' })),
      )
    })
  })
}

/** That nothing one can print of `error` contains nine consecutive bytes of a secret. */
export function expectNoSecret(error: unknown, secrets: readonly Uint8Array[]): void {
  const parts = [inspect(error, { depth: null, showHidden: true, maxStringLength: null }), String(error)]
  if (error instanceof Error) parts.push(error.message, error.stack ?? '', inspect(error.cause))
  parts.push(JSON.stringify(error))
  const shown = parts.join('\n').replaceAll(/\s/g, '')
  const lower = shown.toLowerCase()
  for (const secret of secrets) {
    for (let at = 0; at + 9 <= secret.length; at++) {
      // Nine bytes are twelve characters of base64, whatever comes before or after them.
      const piece = Buffer.from(secret.subarray(at, at + 9))
      const found =
        lower.includes(piece.toString('hex')) ||
        shown.includes(piece.toString('base64')) ||
        shown.includes(piece.toString('base64url')) ||
        shown.includes(piece.join(','))
      if (found) throw new Error(`an error shows bytes of a secret at ${String(at)}`)
    }
  }
}

function sampleDek(): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => (at * 73 + 41) & 0xff)
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ mask : byte))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
