import { createPublicKey, randomUUID } from 'node:crypto'

import { newSecrets, requireUsage, rotate, type Cmk, type CmkState, type CmkUsage, type Tag } from './cmk.js'
import type { KeyFile } from './key-file.js'
import { Refusal } from './refusal.js'
import { DEFAULT_REGION, requireRegion } from './regions.js'

/** The properties of a new key. */
export interface NewKeyOptions {
  /** 1 to 60 of `A-Z a-z 0-9 _ -`, the first a letter or digit, not `kms-…` or `KMS-…`; unique in its region. */
  readonly alias: string
  /** A UUID, for configurations that must know it in advance; a random one by default. */
  readonly keyId?: string
  /** `ENCRYPT_DECRYPT` by default. */
  readonly usage?: CmkUsage
  /** `ap-guangzhou` by default. */
  readonly region?: string
  /** At most 1,024 bytes; '' by default. */
  readonly description?: string
  /** `EXTERNAL` keys start as `PendingImport`; `TENCENT_KMS` by default. */
  readonly origin?: 'TENCENT_KMS' | 'EXTERNAL'
  readonly tags?: readonly Tag[]
}

/** A key of the emulator, without its secrets. */
export interface EmulatorKey {
  readonly keyId: string
  readonly alias: string
  readonly region: string
  readonly usage: CmkUsage
  readonly state: CmkState
  /** Of an RSA key: SPKI, PEM. */
  readonly publicKey?: string
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const ALIAS = /^(?!kms-)[A-Za-z0-9][A-Za-z0-9_-]{0,59}$/i
const MAX_DESCRIPTION_BYTES = 1024
const DAY_SECONDS = 86_400

/** All CMKs of all regions. Deletions and rotations that are due are carried out before each look-up. */
export class Keys {
  readonly #cmks = new Map<string, Cmk>()
  readonly #file: KeyFile
  readonly #clock: () => number
  readonly rootKey: Buffer

  /** `clock` gives Unix milliseconds. */
  constructor(file: KeyFile, clock: () => number) {
    const { rootKey, cmks } = file.read()
    this.rootKey = rootKey
    this.#file = file
    this.#clock = clock
    for (const cmk of cmks) this.#cmks.set(cmk.keyId, cmk)
    // A file that cannot be written is an error at the start, not at the first change.
    this.save()
  }

  nowSeconds(): number {
    return Math.floor(this.#clock() / 1000)
  }

  /** Oldest first. */
  in(region?: string): readonly Cmk[] {
    this.#settle()
    return [...this.#cmks.values()].filter((cmk) => region === undefined || cmk.region === region)
  }

  /** @throws Refusal InvalidParameterValue.InvalidKeyId, ResourceUnavailable.CmkNotFound */
  get(keyId: string, region?: string): Cmk {
    if (!UUID.test(keyId)) throw new Refusal('InvalidParameterValue.InvalidKeyId', 'KeyId is not a KeyId.')
    this.#settle()
    const cmk = this.#cmks.get(keyId)
    if (cmk === undefined || (region !== undefined && cmk.region !== region)) {
      throw new Refusal('ResourceUnavailable.CmkNotFound', 'The CMK does not exist.')
    }
    return cmk
  }

  /** @throws Refusal with InvalidParameterValue.… for alias, KeyId and description, UnsupportedRegion */
  create(options: NewKeyOptions): Cmk {
    const { alias, region = DEFAULT_REGION, usage = 'ENCRYPT_DECRYPT', origin = 'TENCENT_KMS' } = options
    const { keyId = randomUUID(), description = '', tags = [] } = options
    requireRegion(region)
    this.#requireAlias(alias, region)
    requireDescription(description)
    if (!UUID.test(keyId) || this.#cmks.has(keyId)) {
      throw new Refusal('InvalidParameterValue.InvalidKeyId', `${keyId} is not a UUID, or exists.`)
    }
    const cmk: Cmk = {
      keyId,
      region,
      usage,
      origin,
      createdAt: this.nowSeconds(),
      alias,
      description,
      tags,
      state: origin === 'EXTERNAL' ? 'PendingImport' : 'Enabled',
      ...newSecrets(usage),
    }
    this.#cmks.set(keyId, cmk)
    this.save()
    return cmk
  }

  setAlias(cmk: Cmk, alias: string): void {
    if (alias === cmk.alias) return
    this.#requireAlias(alias, cmk.region)
    cmk.alias = alias
    this.save()
  }

  setDescription(cmk: Cmk, description: string): void {
    requireDescription(description)
    cmk.description = description
    this.save()
  }

  setState(cmk: Cmk, state: CmkState, pendingDays = 7): void {
    cmk.state = state
    cmk.deleteAt = state === 'PendingDelete' ? this.nowSeconds() + pendingDays * DAY_SECONDS : undefined
    this.save()
  }

  /** @throws Refusal InvalidParameterValue.InvalidKeyUsage */
  rotate(cmk: Cmk): void {
    requireUsage(cmk, 'ENCRYPT_DECRYPT')
    rotate(cmk, this.nowSeconds())
    this.save()
  }

  /**
   * Rotates as a caller may: only if rotation is enabled, and once in 24 hours.
   * @throws Refusal UnsupportedOperation.RotateNotSupported, RequestLimitExceeded.RotateRateLimited
   */
  rotateOnRequest(cmk: Cmk): void {
    if (cmk.rotation === undefined) {
      throw new Refusal('UnsupportedOperation.RotateNotSupported', 'Rotation is not enabled for the CMK.')
    }
    if (cmk.lastRotatedAt !== undefined && this.nowSeconds() - cmk.lastRotatedAt < DAY_SECONDS) {
      throw new Refusal('RequestLimitExceeded.RotateRateLimited', 'A CMK rotates once in 24 hours.')
    }
    this.rotate(cmk)
  }

  setRotation(cmk: Cmk, days: number | undefined): void {
    cmk.rotation = days === undefined ? undefined : { days, next: this.nowSeconds() + days * DAY_SECONDS }
    this.save()
  }

  save(): void {
    this.#file.write({ rootKey: this.rootKey, cmks: [...this.#cmks.values()] })
  }

  #requireAlias(alias: string, region: string): void {
    if (!ALIAS.test(alias)) throw new Refusal('InvalidParameterValue.InvalidAlias', 'The alias is malformed.')
    if (this.in(region).some((cmk) => cmk.alias === alias)) {
      throw new Refusal('InvalidParameterValue.AliasAlreadyExists', 'The alias already exists.')
    }
  }

  #settle(): void {
    const now = this.nowSeconds()
    let changed = false
    for (const cmk of this.#cmks.values()) {
      if (cmk.deleteAt !== undefined && cmk.deleteAt <= now) {
        this.#cmks.delete(cmk.keyId)
        changed = true
      }
      const { rotation } = cmk
      if (rotation !== undefined && rotation.next <= now && cmk.state === 'Enabled') {
        rotate(cmk, now)
        rotation.next = now + rotation.days * DAY_SECONDS
        changed = true
      }
    }
    if (changed) this.save()
  }
}

export function summaryOf(cmk: Cmk): EmulatorKey {
  const { keyId, alias, region, usage, state, privateKey } = cmk
  const summary = { keyId, alias, region, usage, state }
  if (privateKey === undefined) return summary
  return {
    ...summary,
    publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
  }
}

function requireDescription(description: string): void {
  if (Buffer.byteLength(description) > MAX_DESCRIPTION_BYTES) {
    throw new Refusal('InvalidParameter', 'Description is over 1024 bytes.')
  }
}
