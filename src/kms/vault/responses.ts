import { MAX_CIPHERTEXT_DEK_BYTES } from '../../envelope/bounds.js'
import { EnvelopeError, type ErrorCode } from '../../errors.js'
import { MAX_SECRET_CIPHERTEXT_BYTES } from '../secret.js'
import { isCiphertext } from './ciphertext-dek.js'
import { described, type DescribedCall } from './failures.js'

/** What the service says of a key. */
export interface KeyState {
  readonly derived: boolean
  readonly convergent: boolean
  readonly encrypts: boolean
  /** Whether it is of a type that is known to have as many bits as a DEK. */
  readonly has256Bits: boolean
  /** OpenBao's way of disabling a key. */
  readonly softDeleted: boolean
  readonly latestVersion: number
}

/** A token, and how long it lives. */
export interface Lease {
  readonly token: string
  /** 0 if the token does not expire. */
  readonly leaseMs: number
  readonly renewable: boolean
}

/** The types of keys that can be derived and have 256 bits. The last one is only in OpenBao. */
const TYPES_OF_256_BITS: ReadonlySet<string> = new Set([
  'aes256-gcm96',
  'chacha20-poly1305',
  'xchacha20-poly1305',
])

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const MAX_LEASE_SECONDS = 10 * 365 * 86_400

type Members = Readonly<Record<string, unknown>>

/** An answer with status 200, member by member. Every accessor throws KMS_RESPONSE_INVALID if its member is not valid. */
export class Answer {
  readonly #call: DescribedCall
  readonly #data: Members
  readonly #auth: Members

  constructor(call: DescribedCall, body: unknown) {
    this.#call = call
    const { data, auth } = membersOf(body)
    this.#data = membersOf(data)
    this.#auth = membersOf(auth)
  }

  /** The text as received, as bytes. */
  ciphertextDek(): Uint8Array {
    return this.#ciphertext(MAX_CIPHERTEXT_DEK_BYTES)
  }

  secretCiphertext(): Uint8Array {
    return this.#ciphertext(MAX_SECRET_CIPHERTEXT_BYTES)
  }

  /** The secret, in its own memory. Its maker decided how long it is. */
  secret(): Uint8Array {
    const { plaintext } = this.#data
    // It is shorter than its ciphertext.
    const isValid =
      typeof plaintext === 'string' &&
      plaintext.length <= MAX_SECRET_CIPHERTEXT_BYTES &&
      BASE64.test(plaintext)
    if (!isValid) throw this.#invalid('plaintext')
    return decoded(plaintext)
  }

  /** The DEK, in its own memory. The base64 text of the answer cannot be wiped. */
  generatedDek(): Uint8Array {
    const dek = this.#plaintext()
    if (dek === undefined) throw this.#invalid('plaintext')
    return dek
  }

  /**
   * The same for a DEK from a ciphertext DEK. Its maker decided what is in it, so the ciphertext DEK may be to blame.
   *
   * @throws EnvelopeError also UNWRAP_FAILED
   */
  unwrappedDek(): Uint8Array {
    const dek = this.#plaintext()
    if (dek === undefined) throw this.#error('UNWRAP_FAILED', 'returned something other than a 32-byte DEK')
    return dek
  }

  key(): KeyState {
    const { derived, supports_encryption: encrypts, latest_version: latestVersion, type } = this.#data
    // Absent from keys that are not derived, and from services that cannot delete softly.
    const { convergent_encryption: convergent = false, soft_deleted: softDeleted = false } = this.#data
    for (const [member, value] of Object.entries({ derived, encrypts, convergent, softDeleted }))
      if (typeof value !== 'boolean') throw this.#invalid(member)
    if (typeof type !== 'string') throw this.#invalid('type')
    if (!Number.isSafeInteger(latestVersion) || Number(latestVersion) < 1)
      throw this.#invalid('latest_version')
    return {
      derived: derived === true,
      convergent: convergent !== false,
      encrypts: encrypts === true,
      has256Bits: TYPES_OF_256_BITS.has(type),
      softDeleted: softDeleted !== false,
      latestVersion: Number(latestVersion),
    }
  }

  /** The token of a login or a renewal. */
  lease(): Lease {
    const { client_token: token, lease_duration: seconds, renewable } = this.#auth
    if (!isToken(token)) throw this.#invalid('client_token')
    return { token, ...this.#life(seconds, renewable) }
  }

  /** How long the token lives that was looked up. */
  life(): Omit<Lease, 'token'> {
    const { ttl, renewable } = this.#data
    return this.#life(ttl, renewable)
  }

  #life(seconds: unknown, renewable: unknown): Omit<Lease, 'token'> {
    if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= MAX_LEASE_SECONDS))
      throw this.#invalid('lifetime')
    return { leaseMs: seconds * 1000, renewable: renewable === true }
  }

  /** Undefined if it is base64 of another length. */
  #plaintext(): Uint8Array | undefined {
    const { plaintext } = this.#data
    if (typeof plaintext !== 'string' || plaintext === '') throw this.#invalid('plaintext')
    // 32 bytes are 44 characters, and only the last one is padding.
    if (!/^[A-Za-z0-9+/]{43}=$/.test(plaintext)) return undefined
    return decoded(plaintext)
  }

  #ciphertext(maxBytes: number): Uint8Array {
    const { ciphertext } = this.#data
    if (typeof ciphertext !== 'string' || ciphertext.length > maxBytes) throw this.#invalid('ciphertext')
    const bytes = new Uint8Array(Buffer.from(ciphertext, 'utf8'))
    if (!isCiphertext(bytes, maxBytes)) throw this.#invalid('ciphertext')
    return bytes
  }

  #invalid(member: string): EnvelopeError {
    return this.#error('KMS_RESPONSE_INVALID', `was answered without a valid ${member}`)
  }

  #error(code: ErrorCode, how: string): EnvelopeError {
    return new EnvelopeError(code, `${described(this.#call)} ${how}`)
  }
}

/** Visible ASCII, since it goes into an HTTP header. */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && text.length <= 8192 && /^[!-~]+$/.test(text)
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The bytes of a text in base64, in their own memory. */
function decoded(base64: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.byteLength(base64, 'base64'))
  Buffer.from(bytes.buffer).write(base64, 'base64')
  return bytes
}
