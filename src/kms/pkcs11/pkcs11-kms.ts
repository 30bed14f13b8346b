import { randomFillSync } from 'node:crypto'
import { refuseCancelled } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { DEK_BYTES } from '../../crypto/dek.js'
import { EnvelopeError } from '../../errors.js'
import type { GeneratedDek, Kms, KmsCall, KmsCallLimits } from '../kms.js'
import { ciphertextDekInvalid } from '../proofs.js'
import { aadParts, DEK, readCiphertext, SECRET, writeCiphertext, type Form } from './ciphertext-dek.js'
import { parseCmkName, type CmkName } from './cmk-name.js'
import { checkOptions, type Pkcs11KmsOptions } from './options.js'
import { Token } from './token.js'

/** The thread makes one call at a time. The second one waits next to it. */
const LIMITS: KmsCallLimits = { concurrency: { group: 'calls to the token', max: 2 } }

/**
 * An HSM, or another token with a PKCS#11 module, by the package `pkcs11js`. The id of a CMK is
 * `pkcs11:token=<token>;object=<label>`; the provider on the wire is `pkcs11`. `docs/pkcs11.md` explains how to set it up.
 *
 * The CMK is every AES-256 key of that CKA_LABEL which cannot leave the token; CKA_ID is its version. The highest one
 * that may encrypt wraps. DEKs are made in this process.
 *
 * `describe` makes no call, so that a process can start while the HSM is down. Beyond what `Kms` says, a call rejects
 * with `KMS_SDK_MISSING` or `KMS_CREDENTIALS_UNAVAILABLE`. After the token has refused the PIN, calls are `KMS_DENIED`
 * until you make another client: another try could lock the token.
 *
 * Calls run one after the other in a thread. `close()` cancels them: they reject with `ENCRYPTION_CLOSED`.
 *
 * @throws EnvelopeError CONFIG_INVALID with all mistakes in `issues`
 */
export function pkcs11Kms(options: Pkcs11KmsOptions): Kms {
  const { library, token: tokenLabel, pin, pinFile, requestTimeout } = checkOptions(options)
  const token = new Token(
    { library, token: tokenLabel, pin, pinFile },
    { requestTimeoutMs: requestTimeout, clock: systemClock },
  )

  const encrypt = async (
    form: Form,
    { cmkId, context, signal }: KmsCall,
    bytes: Uint8Array,
  ): Promise<Uint8Array> => {
    const { label } = nameOf(cmkId, tokenLabel)
    const aad = aadParts(form, cmkId, context)
    const wrapped = await token.call(
      () => ({ action: 'wrap', label, aad, bytes: Uint8Array.from(bytes) }),
      cmkId,
      signal,
    )
    const ciphertext = writeCiphertext(form, wrapped)
    if (ciphertext === undefined)
      throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmkId} returned bytes of a wrong form`)
    return ciphertext
  }
  const decrypt = async (
    form: Form,
    { cmkId, context, signal }: KmsCall,
    ciphertext: Uint8Array,
  ): Promise<Uint8Array> => {
    const { label } = nameOf(cmkId, tokenLabel)
    const parts = readCiphertext(form, ciphertext)
    if (parts === undefined) throw ciphertextDekInvalid(cmkId)
    const { keyId, body } = parts
    const aad = aadParts(form, cmkId, context)
    return token.call(() => ({ action: 'unwrap', label, aad, keyId, bytes: body }), cmkId, signal)
  }
  const wrapDek = async (call: KmsCall, dek: Uint8Array): Promise<Uint8Array> => {
    nameOf(call.cmkId, tokenLabel)
    if (dek.length !== DEK_BYTES)
      throw new EnvelopeError('CMK_UNUSABLE', `CMK ${call.cmkId} wraps only 32-byte DEKs`)
    return encrypt(DEK, call, dek)
  }
  const generateDek = async (call: KmsCall): Promise<GeneratedDek> => {
    const dek = randomFillSync(new Uint8Array(DEK_BYTES))
    try {
      return { dek, ciphertextDek: await wrapDek(call, dek) }
    } catch (error) {
      dek.fill(0)
      throw error
    }
  }

  return {
    async describe(cmkId, signal) {
      refuseCancelled(signal)
      nameOf(cmkId, tokenLabel)
      return Promise.resolve({ provider: 'pkcs11', publicKeyWraps: false })
    },
    generateDek,
    wrapDek: async (call) => wrapDek(call, call.dek),
    unwrapDek: async (call) => decrypt(DEK, call, call.ciphertextDek),
    encryptSecret: async (call) => encrypt(SECRET, call, call.secret),
    decryptSecret: async (call) => decrypt(SECRET, call, call.ciphertext),
    async verify(call) {
      const { label } = nameOf(call.cmkId, tokenLabel)
      if (call.use !== 'unwrap') (await generateDek(call)).dek.fill(0)
      else await token.call(() => ({ action: 'verify unwrap', label }), call.cmkId, call.signal)
    },
    limits: () => LIMITS,
    close: () => token.close(),
  }
}

function nameOf(id: string, token: string): CmkName {
  const name = parseCmkName(id)
  if (name?.token === token) return name
  // Not repeated: a malformed id might be a secret.
  throw new EnvelopeError(
    'CMK_NOT_FOUND',
    'expected the name of a key in the token of pkcs11Kms(), pkcs11:token=<token>;object=<label>',
  )
}
