import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto'
import { invalidArgument, Refusal } from './wire.js'

export type VersionState = 'PENDING_GENERATION' | 'ENABLED' | 'DISABLED' | 'DESTROY_SCHEDULED' | 'DESTROYED'
export type ProtectionLevel = 'SOFTWARE' | 'HSM'

interface Version {
  readonly name: string
  /** Stands in each ciphertext. */
  readonly tag: Buffer
  readonly key: Buffer
  state: VersionState
}

const TAG_FIELD = Buffer.from([0x0a, 36])
const BOX_FIELD = 0x12
const INVALID = 'Decryption failed: the ciphertext is invalid.'
const OTHER_KEY = "Decryption failed: verify that 'name' refers to the correct CryptoKey."

/** A key with the purpose ENCRYPT_DECRYPT. Its newest version is the primary one. */
export class CryptoKey {
  readonly name: string
  readonly protectionLevel: ProtectionLevel
  readonly #versions: Version[] = []

  constructor(name: string, protectionLevel: ProtectionLevel) {
    this.name = name
    this.protectionLevel = protectionLevel
    this.rotate()
  }

  get versions(): number {
    return this.#versions.length
  }

  /** The bytes of all versions, which no error may show. */
  get material(): readonly Uint8Array[] {
    return this.#versions.map(({ key }) => key)
  }

  rotate(): void {
    this.#versions.push({
      name: `${this.name}/cryptoKeyVersions/${String(this.#versions.length + 1)}`,
      tag: Buffer.from(randomUUID()),
      key: randomBytes(32),
      state: 'ENABLED',
    })
  }

  /** @param version from 1; all of them if absent */
  setState(state: VersionState, version?: number): void {
    for (const [at, each] of this.#versions.entries()) {
      if (version === undefined || version === at + 1) each.state = state
    }
  }

  encrypt(plaintext: Buffer, aad: Buffer): { readonly version: string; readonly ciphertext: Buffer } {
    const version = this.#versions.at(-1) as Version
    refuseUnlessEnabled(version)
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', version.key, iv)
    cipher.setAAD(aad)
    const box = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    return {
      version: version.name,
      ciphertext: Buffer.concat([TAG_FIELD, version.tag, Buffer.of(BOX_FIELD), box]),
    }
  }

  decrypt(ciphertext: Buffer, aad: Buffer): { readonly usedPrimary: boolean; readonly plaintext: Buffer } {
    const [head, tag, field, box] = [
      ciphertext.subarray(0, 2),
      ciphertext.subarray(2, 38),
      ciphertext[38],
      ciphertext.subarray(39),
    ]
    if (!head.equals(TAG_FIELD) || field !== BOX_FIELD || box.length < 28) throw invalidArgument(INVALID)
    const version = this.#versions.find((each) => each.tag.equals(tag))
    if (version === undefined) throw invalidArgument(OTHER_KEY)
    refuseUnlessEnabled(version)
    const decipher = createDecipheriv('aes-256-gcm', version.key, box.subarray(0, 12))
    decipher.setAAD(aad)
    decipher.setAuthTag(box.subarray(-16))
    try {
      const plaintext = Buffer.concat([decipher.update(box.subarray(12, -16)), decipher.final()])
      return { usedPrimary: version === this.#versions.at(-1), plaintext }
    } catch {
      throw invalidArgument(INVALID)
    }
  }
}

function refuseUnlessEnabled({ name, state }: Version): void {
  if (state === 'ENABLED') return
  throw new Refusal(400, 'FAILED_PRECONDITION', `${name} is not enabled, current state is: ${state}.`, [
    {
      '@type': 'type.googleapis.com/google.rpc.PreconditionFailure',
      violations: [{ type: `KEY_${state}`, subject: name }],
    },
  ])
}
