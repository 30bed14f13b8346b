/**
 * Provider `vault-transit`: a derived key of the transit engine of HashiCorp Vault or OpenBao. The engine derives the
 * encrypting key from the context, so a ciphertext DEK opens only in its own.
 */
import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { canonicalContext } from '../../envelope/context.js'
import { EnvelopeError, isEnvelopeError } from '../../errors.js'
import type { EncryptionContext, GeneratedDek, KmsUse } from '../kms.js'
import { ciphertextDekInvalid, madeHere, wipeMade } from '../proofs.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import type { VaultApi } from './api.js'
import { isCiphertext, neverMade } from './ciphertext-dek.js'
import type { CmkName } from './cmk-name.js'
import type { KeyGuard } from './key-guard.js'
import type { Answer } from './responses.js'

/** How long ago a key may have been checked. */
const MAX_AGE_MS = 60_000
/** The same before `encrypt`, which creates a missing key if the policy lets it. */
const MAX_AGE_BEFORE_ENCRYPT_MS = 1000

/** Stands for the empty context, which the engine refuses. No other context has this text. */
const EMPTY_CONTEXT = '{}'

/** The members of a call other than the CMK. */
export interface CallContext {
  readonly context: EncryptionContext
  readonly signal: AbortSignal
}

/** The operations of a transit engine. */
export class Transit {
  readonly #api: VaultApi
  readonly #guard: KeyGuard
  readonly #mount: string

  constructor(api: VaultApi, guard: KeyGuard, mount: string) {
    this.#api = api
    this.#guard = guard
    this.#mount = mount
  }

  async generateDek(cmk: CmkName, call: CallContext, maxAgeMs = MAX_AGE_MS): Promise<GeneratedDek> {
    const answer = await this.#post('datakey', cmk, call, { bits: 256 }, maxAgeMs)
    const ciphertextDek = answer.ciphertextDek()
    return { dek: answer.generatedDek(), ciphertextDek }
  }

  async wrapDek(
    cmk: CmkName,
    dek: Uint8Array,
    call: CallContext,
    maxAgeMs = MAX_AGE_BEFORE_ENCRYPT_MS,
  ): Promise<Uint8Array> {
    return (await this.#post('encrypt', cmk, call, { plaintext: base64(dek) }, maxAgeMs)).ciphertextDek()
  }

  async unwrapDek(cmk: CmkName, ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    if (!isCiphertext(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES)) throw ciphertextDekInvalid(cmk.id)
    return (await this.#decrypt(cmk, ciphertextDek, call)).unwrappedDek()
  }

  async encryptSecret(cmk: CmkName, secret: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const members = { plaintext: base64(secret) }
    const answer = await this.#post('encrypt', cmk, call, members, MAX_AGE_BEFORE_ENCRYPT_MS)
    return answer.secretCiphertext()
  }

  async decryptSecret(cmk: CmkName, ciphertext: Uint8Array, call: CallContext): Promise<Uint8Array> {
    if (!isCiphertext(ciphertext, MAX_SECRET_CIPHERTEXT_BYTES)) throw ciphertextDekInvalid(cmk.id)
    return (await this.#decrypt(cmk, ciphertext, call)).secret()
  }

  /** To the newest version of the key. */
  async rewrapDek(cmk: CmkName, ciphertextDek: Uint8Array, call: CallContext): Promise<Uint8Array> {
    if (!isCiphertext(ciphertextDek, MAX_CIPHERTEXT_DEK_BYTES)) throw ciphertextDekInvalid(cmk.id)
    const ciphertext = Buffer.from(ciphertextDek).toString('latin1')
    return (await this.#post('rewrap', cmk, call, { ciphertext }, MAX_AGE_MS)).ciphertextDek()
  }

  /** As `Kms.verify` says. Looks at the key each time. */
  async verify(use: KmsUse, cmk: CmkName, call: CallContext): Promise<void> {
    switch (use) {
      case 'generate':
        return wipeMade(this.generateDek(cmk, call, 0))
      case 'wrap':
        return wipeMade(madeHere((dek) => this.wrapDek(cmk, dek, call, 0)))
      case 'unwrap':
        return this.#verifyUnwrap(cmk, call)
    }
  }

  /**
   * Tries to decrypt bytes that cannot open. The service checks the policy first, so this proves the permission to
   * decrypt, and a reader needs no other.
   */
  async #verifyUnwrap(cmk: CmkName, call: CallContext): Promise<void> {
    const { latestVersion } = await this.#guard.admit(cmk, 0, call.signal)
    let opened: Uint8Array
    try {
      opened = (await this.#decrypt(cmk, neverMade(latestVersion), call)).unwrappedDek()
    } catch (error) {
      if (isEnvelopeError(error) && error.code === 'CIPHERTEXT_DEK_INVALID') return
      throw error
    }
    opened.fill(0)
    throw new EnvelopeError('KMS_RESPONSE_INVALID', `CMK ${cmk.id} unwrapped bytes that were never wrapped`)
  }

  #decrypt(cmk: CmkName, bytes: Uint8Array, call: CallContext): Promise<Answer> {
    const ciphertext = Buffer.from(bytes).toString('latin1')
    return this.#post('decrypt', cmk, call, { ciphertext }, MAX_AGE_MS)
  }

  #post(
    action: 'datakey' | 'encrypt' | 'decrypt' | 'rewrap',
    cmk: CmkName,
    { context, signal }: CallContext,
    members: Readonly<Record<string, string | number>>,
    maxAgeMs: number,
  ): Promise<Answer> {
    const endpoint = action === 'datakey' ? 'datakey/plaintext' : action
    const body = { ...members, context: encoded(context) }
    const path = `${this.#mount}/${endpoint}/${cmk.key}`
    return this.#api.call({ action, cmkId: cmk.id, method: 'POST', path, body }, signal, () =>
      this.#guard.admit(cmk, maxAgeMs, signal),
    )
  }
}

function encoded(context: EncryptionContext): string {
  const text = canonicalContext(context)
  return Buffer.from(text === '' ? EMPTY_CONTEXT : text).toString('base64')
}

/** Without an extra copy of the bytes. The text cannot be wiped. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
