import { isUint8Array } from 'node:util/types'
import { onAbort } from '../cancellation.js'
import { DEK_BYTES } from '../crypto/dek.js'
import { MAX_CIPHERTEXT_DEK_BYTES } from '../envelope/bounds.js'
import { EnvelopeError, isEnvelopeError, type ErrorCode } from '../errors.js'
import type { GeneratedDek, Kms } from './kms.js'
import { MAX_SECRET_BYTES, MAX_SECRET_CIPHERTEXT_BYTES } from './secret.js'

/** With these, a provider says that the ciphertext is to blame. */
const BLAMES_CIPHERTEXT: ReadonlySet<ErrorCode> = new Set([
  'CIPHERTEXT_DEK_INVALID',
  'CMK_MISMATCH',
  'UNWRAP_FAILED',
])

/**
 * A KMS whose provider is trusted with little. A result that breaks the contract of `Kms` says nothing about the record
 * or the CMK: it becomes KMS_RESPONSE_INVALID, which is transient and so is retried, and DEKs and secrets in it are
 * wiped. The provider gets a copy of the DEK that it wraps, or of the secret, which is wiped when the call ends: a
 * provider might keep or change it, or continue after the deadline.
 */
export function checked(kms: Kms): Kms {
  return {
    describe: (cmkId, signal) => kms.describe(cmkId, signal),
    generateDek: async (call) => generated(await kms.generateDek(call), call.cmkId),
    wrapDek: (call) =>
      lent(call.dek, call.signal, async (dek) => wrapped(await kms.wrapDek({ ...call, dek }), call.cmkId)),
    unwrapDek: async (call) => unwrapped(await kms.unwrapDek(call), call.cmkId),
    ...(kms.rewrapDek && {
      rewrapDek: async (call) => rewrapped(await kms.rewrapDek?.(call), call),
    }),
    ...checkedSecrets(kms),
    verify: (call) => kms.verify(call),
    limits: (operation, cmkId) => kms.limits?.(operation, cmkId) ?? {},
    close: async () => kms.close?.(),
  }
}

function checkedSecrets(kms: Kms): Pick<Kms, 'encryptSecret' | 'decryptSecret'> {
  const { encryptSecret, decryptSecret } = kms
  return {
    ...(encryptSecret && {
      encryptSecret: (call) =>
        lent(call.secret, call.signal, async (secret) =>
          encrypted(await encryptSecret.call(kms, { ...call, secret }), call.cmkId),
        ),
    }),
    ...(decryptSecret && {
      async decryptSecret(call) {
        try {
          return decrypted(await decryptSecret.call(kms, call), call.cmkId)
        } catch (error) {
          throw ofSecret(error, call.cmkId)
        }
      },
    }),
  }
}

async function lent<T>(
  bytes: Uint8Array,
  signal: AbortSignal,
  use: (copy: Uint8Array) => Promise<T>,
): Promise<T> {
  const copy = Uint8Array.from(bytes)
  const stop = onAbort(signal, () => copy.fill(0))
  try {
    return await use(copy)
  } finally {
    stop()
    copy.fill(0)
  }
}

function generated(answer: unknown, cmkId: string): GeneratedDek {
  const { dek, ciphertextDek } = (answer ?? {}) as Partial<Record<keyof GeneratedDek, unknown>>
  if (!isUint8Array(dek)) throw invalid(cmkId, 'without a DEK')
  try {
    if (dek.length !== DEK_BYTES) throw invalid(cmkId, 'with a DEK of another length than 32 bytes')
    return { dek, ciphertextDek: wrapped(ciphertextDek, cmkId) }
  } catch (error) {
    dek.fill(0)
    throw error
  }
}

function wrapped(answer: unknown, cmkId: string): Uint8Array {
  if (!isUint8Array(answer)) throw invalid(cmkId, 'without a ciphertext DEK')
  if (answer.length > 0 && answer.length <= MAX_CIPHERTEXT_DEK_BYTES) return answer
  throw invalid(cmkId, 'with a ciphertext DEK that is empty or over 1,024 bytes')
}

/** Under another CMK, every ciphertext DEK has other bytes. The same ones would be lost together with the old CMK. */
function rewrapped(
  answer: unknown,
  { ciphertextDek, cmkId, toCmkId }: Parameters<Required<Kms>['rewrapDek']>[0],
): Uint8Array {
  const made = wrapped(answer, toCmkId)
  if (cmkId !== toCmkId && Buffer.compare(made, ciphertextDek) === 0)
    throw invalid(toCmkId, `with the ciphertext DEK of CMK ${cmkId}`)
  return made
}

/** @throws EnvelopeError also UNWRAP_FAILED, since the maker of a ciphertext DEK decides what is in it */
function unwrapped(answer: unknown, cmkId: string): Uint8Array {
  if (!isUint8Array(answer) || answer.length === 0) throw invalid(cmkId, 'without a DEK')
  if (answer.length === DEK_BYTES) return answer
  answer.fill(0)
  throw new EnvelopeError('UNWRAP_FAILED', 'the KMS unwrapped something other than a 32-byte DEK')
}

function encrypted(answer: unknown, cmkId: string): Uint8Array {
  if (!isUint8Array(answer)) throw invalid(cmkId, 'without an encrypted secret')
  if (answer.length > 0 && answer.length <= MAX_SECRET_CIPHERTEXT_BYTES) return answer
  throw invalid(cmkId, 'with an encrypted secret that is empty or over 8,192 bytes')
}

/** @throws EnvelopeError also UNWRAP_FAILED, since the maker of a ciphertext decides what is in it */
function decrypted(answer: unknown, cmkId: string): Uint8Array {
  if (!isUint8Array(answer)) throw invalid(cmkId, 'without a secret')
  if (answer.length > 0 && answer.length <= MAX_SECRET_BYTES) return answer
  answer.fill(0)
  throw new EnvelopeError('UNWRAP_FAILED', 'the KMS decrypted something other than a secret')
}

/** Says the same of a secret as the error says of a ciphertext DEK. */
function ofSecret(error: unknown, cmkId: string): unknown {
  if (!isEnvelopeError(error) || !BLAMES_CIPHERTEXT.has(error.code)) return error
  const { kmsCode, requestId } = error
  return new EnvelopeError('SECRET_NOT_AUTHENTIC', `CMK ${cmkId} does not decrypt this secret`, {
    kmsCode,
    requestId,
  })
}

function invalid(cmkId: string, how: string): EnvelopeError {
  return new EnvelopeError('KMS_RESPONSE_INVALID', `a call for CMK ${cmkId} was answered ${how}`)
}
